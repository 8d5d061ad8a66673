import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import type { PlainReply, PlainRequest } from './server.ts'
import type { Call, Fault, LoopbackCloud } from './types.ts'

/** What the control endpoints act on: the cloud's own functions. */
export interface ControlSurface extends Pick<
  LoopbackCloud,
  'inject' | 'clearFaults' | 'calls' | 'clearCalls' | 'residue'
> {
  /** Asked for by `POST /_control/populate`. Without it the endpoint answers 501. */
  populate?: LoopbackCloud['populate']
  /** Asked for by `POST /_control/shutdown`; called after the reply. Without it the endpoint answers 501. */
  shutdown?: () => void
}

export type Residue = ReturnType<LoopbackCloud['residue']>

/** The same surface over HTTP, for a test in another process. */
export interface ControlClient {
  inject(fault: Fault): Promise<void>
  clearFaults(): Promise<void>
  calls(): Promise<Call[]>
  clearCalls(): Promise<void>
  residue(): Promise<Residue>
  /** Adds that many running VMs. */
  populate(count: number): Promise<void>
  /** Asks the cloud's process to end. */
  shutdown(): Promise<void>
  /** Gives back the connections. */
  close(): void
}

/**
 * Answers `/_control/…`: `faults` (POST a Fault or a list of them, DELETE), `calls` (GET, DELETE), `residue` (GET; also as `state`),
 * `populate` (POST `{ "count": 500 }`), `shutdown` (POST). A wrong fault or count is 400 with the reason.
 */
export async function answerControl(
  control: ControlSurface,
  { method, url, body }: PlainRequest,
): Promise<PlainReply> {
  switch (`${method} ${url.pathname.slice('/_control/'.length)}`) {
    case 'POST faults':
      return injectAll(control, body)
    case 'DELETE faults':
      control.clearFaults()
      return { status: 204 }
    case 'GET calls':
      return json(control.calls())
    case 'DELETE calls':
      control.clearCalls()
      return { status: 204 }
    case 'GET residue':
    case 'GET state':
      return json(control.residue())
    case 'POST populate':
      return populate(control, body)
    case 'POST shutdown':
      if (!control.shutdown) return { status: 501, body: 'this cloud ends with the test that started it' }
      setImmediate(control.shutdown)
      return { status: 202 }
    default:
      return { status: 404, body: `no such control: ${method} ${url.pathname}` }
  }
}

/** A client of the control endpoints of the cloud at `url`; `caPem` as the cloud gave it. */
export function createControlClient({
  url,
  caPem,
}: {
  url: string
  caPem?: string | undefined
}): ControlClient {
  const agent = caPem === undefined ? undefined : new Agent({ ca: caPem, keepAlive: true })
  const call = async (method: string, path: string, body?: unknown) => {
    const { status, reply } = await roundTrip(new URL(`/_control/${path}`, url), method, agent, body)
    if (status >= 300) throw new Error(`${method} /_control/${path} answered ${status}: ${reply}`)
    return reply
  }
  return {
    inject: async (fault) => void (await call('POST', 'faults', fault)),
    clearFaults: async () => void (await call('DELETE', 'faults')),
    calls: async () => JSON.parse(await call('GET', 'calls')) as Call[],
    clearCalls: async () => void (await call('DELETE', 'calls')),
    residue: async () => JSON.parse(await call('GET', 'residue')) as Residue,
    populate: async (count) => void (await call('POST', 'populate', { count })),
    shutdown: async () => void (await call('POST', 'shutdown')),
    close: () => agent?.destroy(),
  }
}

function injectAll(control: ControlSurface, body: Buffer): PlainReply {
  try {
    const parsed = JSON.parse(body.toString()) as Fault | Fault[]
    for (const fault of Array.isArray(parsed) ? parsed : [parsed]) control.inject(fault)
    return { status: 204 }
  } catch (error) {
    return { status: 400, body: error instanceof Error ? error.message : String(error) }
  }
}

async function populate(control: ControlSurface, body: Buffer): Promise<PlainReply> {
  if (!control.populate) return { status: 501, body: 'this cloud cannot be populated' }
  const { count } = JSON.parse(body.toString() || '{}') as { count?: unknown }
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || count > 100_000)
    return { status: 400, body: 'count must be a whole number from 1 to 100000' }
  await control.populate(count)
  return { status: 204 }
}

function json(value: unknown): PlainReply {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) }
}

/** `fetch` cannot be given a private authority, hence the plain client. */
async function roundTrip(
  url: URL,
  method: string,
  agent: Agent | undefined,
  body: unknown,
): Promise<{ status: number; reply: string }> {
  const request = agent ? httpsRequest(url, { method, agent }) : httpRequest(url, { method })
  request.end(body === undefined ? undefined : JSON.stringify(body))
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return { status: response.statusCode ?? 0, reply: await text(response) }
}
