import { createServer, type IncomingHttpHeaders } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export interface Received {
  path: string
  headers: IncomingHttpHeaders
  body: string
}

export type Answer = { status: number; headers?: Record<string, string>; body?: string } | 'hang' | 'cut'

export interface Receiver {
  url: string
  received: Received[]
  /** Answers for the next messages, in order; after them 204. */
  answers: Answer[]
  /** The most messages that were waiting for an answer at one time. */
  mostAtOnce(): number
  close(): Promise<void>
}

/** A real HTTP endpoint that keeps what it is sent. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = []
  const answers: Answer[] = []
  const waiting = new Set<object>()
  let mostAtOnce = 0
  const server = createServer((request, response) => {
    waiting.add(response)
    mostAtOnce = Math.max(mostAtOnce, waiting.size)
    response.once('close', () => waiting.delete(response))
    void text(request).then((body) => {
      received.push({ path: request.url ?? '', headers: request.headers, body })
      const answer = answers.shift() ?? { status: 204 }
      if (answer === 'hang') return
      if (answer === 'cut') request.socket.destroy()
      else response.writeHead(answer.status, answer.headers).end(answer.body)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/hook`,
    received,
    answers,
    mostAtOnce: () => mostAtOnce,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
