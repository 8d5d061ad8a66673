import { setTimeout as sleep } from 'node:timers/promises'
import type { CloudErrorFacts } from '#shared/clouds/errors.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import { beforeCall, callSignal } from '#shared/clouds/scope.ts'
import type { CallWatch } from '#shared/clouds/watch.ts'

/** One thing that is asked of a hypervisor: a QMP command, a program that is run there, a virsh command, a record. */
export interface HostCall {
  /** As the hypervisor's own reference names it: `blockdev-backup`, `qemu-img create`, `virsh define`, `record put`. */
  operation: string
  mutating: boolean
  /** What it speaks of: a machine's or volume's id. */
  resource?: string
  /** Longest silence, milliseconds; default the host's, `Infinity` for what takes as long as it takes. */
  timeoutMs?: number
  /** The bytes that a write hands over. */
  payload?: Buffer
  /** Nothing goes out: a refusal that was found before is only to be put into the words of all others. */
  unsent?: true
}

/**
 * The only way out to a hypervisor. It checks the call scope in the last moment, paces and counts, gives up on silence, and turns what a
 * driver throws into a CloudError.
 */
export type HostGate = <T>(call: HostCall, send: (signal: AbortSignal) => Promise<T>) => Promise<T>

/** Stands between the gate and the driver; tests use it to watch and to break calls. */
export type Interceptor = <T>(call: HostCall & { host: string }, send: () => Promise<T>) => Promise<T>

/** What a driver throws: the hypervisor's own code and words. */
export class HostError extends Error {
  /** E.g. a QMP error class (`DeviceNotFound`), a libvirt code (`VIR_ERR_NO_DOMAIN`), an errno (`ENOSPC`), or one of ours in lower case (`guest_running`). */
  readonly vendorCode: string

  constructor(vendorCode: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'HostError'
    this.vendorCode = vendorCode
  }
}

/** What an error of a driver means; the first rule that matches counts. */
export interface ErrorRule {
  vendorCode: string | RegExp
  /** For codes that stand for many things (QMP's `GenericError`). */
  message?: RegExp
  facts: Pick<CloudErrorFacts, 'code' | 'kind' | 'scope' | 'remedy' | 'retryAfterMs'>
}

export function createGate(options: {
  host: string
  rules: readonly ErrorRule[]
  watch: CallWatch
  requestTimeoutMs: number
  intercept?: Interceptor
}): HostGate {
  const { host, rules, watch, requestTimeoutMs, intercept } = options
  const inWords = (call: HostCall, error: unknown) =>
    toCloudError(error, { host, requestId: `${host}/${(requests += 1)}`, call, rules })
  return (call, send) => {
    if (call.unsent)
      return send(new AbortController().signal).catch((error: unknown) => {
        throw inWords(call, error)
      })
    return watch.run(call.operation, async () => {
      callSignal()?.throwIfAborted()
      beforeCall()
      try {
        return await withinTime(call.timeoutMs ?? requestTimeoutMs, (signal) =>
          intercept ? intercept({ ...call, host }, () => send(signal)) : send(signal),
        )
      } catch (error) {
        callSignal()?.throwIfAborted()
        throw inWords(call, error)
      }
    })
  }
}

let requests = 0

/** Gives up on silence, and when the call scope ends. */
async function withinTime<T>(timeoutMs: number, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const done = new AbortController()
  const scope = callSignal()
  const signal = scope ? AbortSignal.any([done.signal, scope]) : done.signal
  const silence = Number.isFinite(timeoutMs)
    ? sleep(timeoutMs, undefined, { signal }).then(() => {
        throw new HostError('timeout', `no answer within ${timeoutMs} ms`)
      })
    : new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(new HostError('aborted', 'given up')), { once: true })
      })
  // What throws at once ends the waiting, too.
  const sent = Promise.try(() => send(signal))
  sent.catch(() => undefined)
  silence.catch(() => undefined)
  try {
    return await Promise.race([sent, silence])
  } finally {
    done.abort()
  }
}

function toCloudError(
  error: unknown,
  {
    host,
    requestId,
    call,
    rules,
  }: { host: string; requestId: string; call: HostCall; rules: readonly ErrorRule[] },
): unknown {
  if (error instanceof CloudError || !(error instanceof Error)) return error
  const vendorCode = vendorCodeOf(error)
  if (vendorCode === undefined) return error
  const rule = [...rules, ...common].find(
    (each) =>
      (typeof each.vendorCode === 'string'
        ? each.vendorCode === vendorCode
        : each.vendorCode.test(vendorCode)) &&
      (each.message?.test(error.message) ?? true),
  )
  return new CloudError(`Host ${host}, ${call.operation}: ${error.message}`, {
    cloud: 'on-premise',
    operation: call.operation,
    vendorCode,
    requestId,
    cause: error,
    ...(rule?.facts ?? { code: 'cloud_error', kind: 'retryable' }),
  })
}

/** Of a HostError its own; of Node's system errors the errno. Anything else is a mistake of ours and goes on as it is. */
function vendorCodeOf(error: Error): string | undefined {
  if (error instanceof HostError) return error.vendorCode
  const { code } = error as NodeJS.ErrnoException
  return typeof code === 'string' && /^E[A-Z]+$/.test(code) ? code : undefined
}

/** What means the same on every driver. */
const common: readonly ErrorRule[] = [
  {
    vendorCode: /^(timeout|ETIMEDOUT)$/,
    facts: {
      code: 'timeout',
      kind: 'retryable',
      remedy: 'It is tried again; if that does not help, look whether the host is overloaded.',
    },
  },
  {
    vendorCode: /^(connection_lost|ECONNRESET|ECONNREFUSED|EPIPE|EHOSTUNREACH)$/,
    facts: {
      code: 'network',
      kind: 'retryable',
      remedy: 'It is tried again; if that does not help, look whether the host is up and can be reached.',
    },
  },
  { vendorCode: /^(EAGAIN|EMFILE|ENFILE)$/, facts: { code: 'throttled', kind: 'throttled' } },
  {
    vendorCode: 'ENOSPC',
    facts: {
      code: 'capacity',
      kind: 'capacity',
      scope: 'zone',
      remedy: 'Free space in the storage pool, or give the host another one.',
    },
  },
  {
    vendorCode: 'EDQUOT',
    facts: {
      code: 'quota_exceeded',
      kind: 'capacity',
      scope: 'zone',
      remedy: "Raise the disk quota of the user that NovaCron's workers or its guests run as.",
    },
  },
  {
    vendorCode: 'ENOMEM',
    facts: {
      code: 'capacity',
      kind: 'capacity',
      scope: 'zone',
      remedy: 'The host is out of memory: stop a VM there or choose another host.',
    },
  },
  {
    vendorCode: 'EIO',
    facts: {
      code: 'unavailable',
      kind: 'retryable',
      remedy: "It is tried again; if that does not help, look at the health of the host's disks.",
    },
  },
  {
    vendorCode: /^(EACCES|EPERM)$/,
    facts: {
      code: 'forbidden',
      remedy: "Give the user that NovaCron's workers run as access to what the message names.",
    },
  },
  {
    vendorCode: 'hypervisor_missing',
    facts: { code: 'unsupported', remedy: 'Install it with: npm run setup -- --system' },
  },
  { vendorCode: 'unsupported', facts: { code: 'unsupported' } },
  { vendorCode: 'not_found', facts: { code: 'not_found' } },
  { vendorCode: 'invalid_request', facts: { code: 'invalid_request' } },
  { vendorCode: 'conflict', facts: { code: 'conflict', kind: 'retryable' } },
  { vendorCode: 'integrity', facts: { code: 'integrity', kind: 'retryable' } },
]
