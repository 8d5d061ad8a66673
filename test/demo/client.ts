import { setTimeout as sleep } from 'node:timers/promises'

/** A small client of NovaCron's REST API, as a user would write it. */
export interface Client {
  /** @throws Error with the problem's detail and remedy for any answer of 400 and above. */
  send<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<T>
  /** A job's events as they happen, until its last. */
  follow(jobId: string): AsyncIterable<JobEvent>
}

export interface JobEvent {
  seq: number
  type: string
  /** When it happened, by the database's clock. */
  atMs: number
  data: Record<string, unknown>
}

export function createClient(baseUrl: string, token: string): Client {
  const authorization = `Bearer ${token}`
  return {
    async send<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
      const response = await fetch(new URL(path, baseUrl), {
        method,
        headers: {
          authorization,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      const answer: unknown = text ? JSON.parse(text) : undefined
      if (response.ok) return answer as T
      const {
        detail = text,
        remedy = '',
        errors = [],
      } = answer as { detail?: string; remedy?: string; errors?: unknown[] }
      const fields = errors.length > 0 ? JSON.stringify(errors) : ''
      throw new Error(`${method} ${path}: ${response.status} ${detail} ${remedy} ${fields}`)
    },
    async *follow(jobId) {
      let after = 0
      for (;;) {
        const headers = { authorization, accept: 'text/event-stream', 'last-event-id': String(after) }
        const response = await fetch(new URL(`/api/multicloud/jobs/${jobId}/events`, baseUrl), { headers })
        if (!response.ok || !response.body)
          throw new Error(`the events of ${jobId} answer ${response.status}`)
        for await (const event of parse(response.body)) {
          after = event.seq
          yield event
          if (['job.succeeded', 'job.failed', 'job.cancelled'].includes(event.type)) return
        }
        await sleep(200)
      }
    },
  }
}

/** Server-sent events (WHATWG HTML, 9.2): blocks of `id`, `event` and `data` lines with an empty line between. */
async function* parse(body: ReadableStream<Uint8Array>): AsyncIterable<JobEvent> {
  let text = ''
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    text += chunk
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const fields = new Map(
        text
          .slice(0, end)
          .split('\n')
          .map((line): [string, string] => [
            line.slice(0, line.indexOf(':')),
            line.slice(line.indexOf(':') + 1).trimStart(),
          ]),
      )
      text = text.slice(end + 2)
      const data = fields.get('data')
      if (data !== undefined && fields.get('id')) {
        const event = JSON.parse(data) as { at: string; data: Record<string, unknown> }
        yield {
          seq: Number(fields.get('id')),
          type: fields.get('event') ?? '',
          atMs: Date.parse(event.at),
          data: event.data,
        }
      }
    }
  }
}
