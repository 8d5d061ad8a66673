import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cloud } from '#shared/clouds/port.ts'
import {
  startServer,
  type PlainReply,
  type PlainRequest,
  type RunningServer,
} from '#test/clouds/core/server.ts'

/** What a vendor answers, as its documentation prints it or as its SDK's types say, and what must become of it. */
export interface RecordedCase {
  title: string
  /** Where the vendor publishes the response. */
  source: string
  /** In the order in which the adapter asks for them. */
  replies: readonly RecordedReply[]
  /** What to ask of the adapter; collect lists with `Array.fromAsync`. */
  call(cloud: Cloud): Promise<unknown>
  /** All of what it gives, or of what it throws some. */
  gives?: unknown
  throws?: object
}

/**
 * A file under `responses/`: `.http` has a status line, headers, an empty line and the body; of `.json` and `.xml` it is the body alone.
 * `to`: text that the request must have in its address or body, where the adapter asks in no certain order.
 */
export type RecordedReply = string | { file: string; status?: number; to?: string }

/**
 * Runs each case on the real adapter, against a server that knows nothing but the case's replies.
 * @param responses the folder of the files
 * @param open the adapter for a server; `signIn` answers what comes before any call, such as a request for a token
 */
export function recorded(
  name: string,
  {
    responses,
    tls,
    open,
    signIn,
    cases,
  }: {
    responses: string
    tls: boolean
    open: (server: Pick<RunningServer, 'url' | 'caPem'>) => Promise<Cloud>
    signIn?: (request: PlainRequest) => PlainReply | undefined
    cases: readonly RecordedCase[]
  },
): void {
  describe(`what ${name} documents is understood`, () => {
    let server: RunningServer
    let cloud: Cloud
    let waiting: { reply: PlainReply; to: string; file: string }[] = []
    const strangers: string[] = []

    beforeAll(async () => {
      server = await startServer({
        tls,
        control: noControl,
        handler: async (request) => {
          const known = signIn?.(request)
          if (known) return known
          const text = `${request.method} ${request.url.pathname}${request.url.search} ${request.body.toString()}`
          const index = waiting.findIndex(({ to }) => text.includes(to))
          const [next] = index === -1 ? [] : waiting.splice(index, 1)
          if (next) return next.reply
          strangers.push(text.slice(0, 500))
          return { status: 501, body: 'nothing is recorded for this' }
        },
      })
      cloud = await open(server)
    })
    afterAll(async () => {
      cloud?.close()
      await server?.close()
    })

    test.for([...cases])('$title', async ({ replies, source, call, gives, throws }) => {
      expect(source).toMatch(/^https:\/\//)
      strangers.length = 0
      waiting = await Promise.all(replies.map((reply) => load(responses, reply)))
      const outcome = await call(cloud).then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      )
      expect(strangers, 'requests that nothing is recorded for').toEqual([])
      expect(
        waiting.map(({ file }) => file),
        'replies that nobody asked for',
      ).toEqual([])
      if ('error' in outcome && throws === undefined) throw outcome.error
      const told = 'error' in outcome && throws ? { error: likeness(outcome.error, throws) } : outcome
      expect(told).toEqual(throws === undefined ? { value: gives } : { error: throws })
    })
  })
}

const noControl = { inject() {}, clearFaults() {}, calls: () => [], clearCalls() {}, residue: () => [] }

/** What the error has of the properties that are expected. */
const likeness = (error: unknown, expected: object) =>
  Object.fromEntries(Object.keys(expected).map((key) => [key, Reflect.get(error as object, key) as unknown]))

async function load(responses: string, recordedReply: RecordedReply) {
  const {
    file,
    status = 200,
    to = '',
  } = typeof recordedReply === 'string' ? { file: recordedReply } : recordedReply
  const text = await readFile(join(responses, file), 'utf8')
  return { file, to, reply: file.endsWith('.http') ? parse(text, file) : bodyOf(text, file, status) }
}

function bodyOf(body: string, file: string, status: number): PlainReply {
  const type = file.endsWith('.json') ? 'application/json' : 'text/xml'
  return { status, headers: { 'content-type': `${type}; charset=utf-8` }, body }
}

function parse(text: string, file: string): PlainReply {
  const [, head, body = ''] = /^(.*?)\r?\n\r?\n(.*)$/s.exec(text) ?? []
  const [statusLine = '', ...lines] = (head ?? text.trimEnd()).split(/\r?\n/)
  const status = Number(/^HTTP\/[\d.]+ (\d{3})/.exec(statusLine)?.[1])
  if (!(status >= 100)) throw new Error(`${file} must begin with a status line such as HTTP/1.1 200 OK`)
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  // The server tells the true length, and sends in one piece.
  const kept = headers.filter(([key]) => !/^(content-length|transfer-encoding|connection|date)$/.test(key))
  return { status, headers: Object.fromEntries(kept), body: body.trimEnd() }
}
