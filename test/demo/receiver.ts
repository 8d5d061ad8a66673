import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'

export interface Received {
  type: string
  data: Record<string, unknown>
}

export interface Receiver {
  url: string
  /** The secret that the registration answered. */
  trust(secret: string): void
  /** Waits for a verified message of one of these types about this job. */
  wait(jobId: string, timeoutMs: number): Promise<Received>
  close(): void
}

/** A webhook endpoint as a user's service would have it: verifies each message with an independent implementation of Standard Webhooks. */
export async function startReceiver(): Promise<Receiver> {
  const verified: Received[] = []
  let webhook: Webhook | undefined
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      try {
        const message = webhook?.verify(
          Buffer.concat(chunks).toString('utf8'),
          request.headers as Record<string, string>,
        )
        verified.push(message as Received)
        response.writeHead(204).end()
      } catch (error) {
        response.writeHead(401).end(String(error))
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    trust: (secret) => (webhook = new Webhook(secret)),
    async wait(jobId, timeoutMs) {
      const untilMs = Date.now() + timeoutMs
      for (;;) {
        const found = verified.find((message) => message.data['job_id'] === jobId)
        if (found) return found
        if (Date.now() > untilMs)
          throw new Error(`no verified webhook about ${jobId} came within ${timeoutMs} ms`)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    },
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
