import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createServerIdentity } from './certificates.ts'
import { answerControl, type ControlSurface } from './control.ts'

/** A request, wholly received. Header names are lower case. */
export interface PlainRequest {
  method: string
  /** Absolute, with the address the server listens on. */
  url: URL
  headers: Readonly<Record<string, string>>
  body: Buffer
  /** When its headers had arrived; the body may have come much later. Milliseconds since the epoch. */
  begunAtMs: number
}

export interface PlainReply {
  status: number
  headers?: Record<string, string>
  body?: Buffer | string
}

/** What becomes of the connection: a reply, silence until the client gives up, or a cut without a reply. */
export type Outcome = PlainReply | 'hang' | 'drop'

export type Handler = (request: PlainRequest) => Promise<Outcome>

export interface RunningServer {
  /** e.g. `https://127.0.0.1:40123` */
  readonly url: string
  readonly port: number
  /** PEM of the authority to trust; undefined without TLS. */
  readonly caPem: string | undefined
  /** Cuts all connections, also hanging ones, and stops listening. */
  close(): Promise<void>
}

/** Well over the largest write in one request (EBS blocks are 512 KiB, Azure pages 4 MiB). */
const maxBodyBytes = 64 * 1024 * 1024

/**
 * Serves `handler` on a free port of 127.0.0.1, and `/_control/…` (see control.ts) beside it.
 * A handler that throws is a defect of the loopback cloud: it answers 500 with the stack, so that a test shows it.
 */
export async function startServer({
  tls,
  handler,
  control,
}: {
  tls: boolean
  handler: Handler
  control: ControlSurface
}): Promise<RunningServer> {
  const identity = tls ? await createServerIdentity() : undefined
  let origin = ''
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    void serve(request, response, origin, handler, control)
  }
  // SDKs hold idle connections for up to a minute; a server that closed them first would show up as ECONNRESET now and then.
  const options = { keepAliveTimeout: 120_000, requestTimeout: 0 }
  const server = identity
    ? createHttpsServer({ ...options, key: identity.key, cert: identity.cert }, onRequest)
    : createHttpServer(options, onRequest)

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  origin = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`

  return {
    url: origin,
    port,
    caPem: identity?.caPem,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  origin: string,
  handler: Handler,
  control: ControlSurface,
): Promise<void> {
  const begunAtMs = Date.now()
  try {
    const body = await readBody(request)
    if (body === undefined) {
      send(response, request, { status: 413, headers: { connection: 'close' }, body: 'body too large' })
      return
    }
    const plain = {
      method: request.method ?? 'GET',
      url: new URL(request.url ?? '/', origin),
      headers: flat(request),
      body,
      begunAtMs,
    }
    const outcome = plain.url.pathname.startsWith('/_control/')
      ? await answerControl(control, plain)
      : await handler(plain)
    if (outcome === 'hang') return
    if (outcome === 'drop') request.socket.destroy()
    else send(response, request, outcome)
  } catch (error) {
    if (request.destroyed && !request.complete) return
    send(response, request, {
      status: 500,
      body: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
  }
}

/** The whole body, or undefined when it is over the limit (the rest is read and thrown away, so that the reply arrives). */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const parts: Buffer[] = []
  let sizeBytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    sizeBytes += part.length
    if (sizeBytes <= maxBodyBytes) parts.push(part)
    else parts.length = 0
  }
  return sizeBytes <= maxBodyBytes ? Buffer.concat(parts, sizeBytes) : undefined
}

function flat(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return headers
}

function send(
  response: ServerResponse,
  request: IncomingMessage,
  { status, headers = {}, body = '' }: PlainReply,
): void {
  if (response.destroyed || response.headersSent) return
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const hasBody = request.method !== 'HEAD' && status !== 204 && status !== 304
  // HEAD keeps the length the handler named (that of the object), everything else gets the true one.
  response.writeHead(status, hasBody ? { ...headers, 'content-length': String(bytes.length) } : headers)
  response.end(hasBody ? bytes : undefined)
}
