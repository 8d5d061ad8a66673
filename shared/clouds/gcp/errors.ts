import { CloudError, type CloudErrorFacts } from '#shared/clouds/errors.ts'
import { meaningOf, type Meaning } from '#shared/clouds/gcp/meanings.ts'

/** Tells a refusal of the call scope apart from a failure of the network, through every SDK that wraps it. */
export class CallRefused extends Error {
  constructor(cause: unknown) {
    super('The call scope refused.', { cause })
    this.name = 'CallRefused'
  }
}

/** A reply that is an error, as it came over the wire. */
export interface ErrorReply {
  status: number
  /** By lower-case name. */
  header: (name: string) => string | null
  body: string
  /** What we called the request ourselves. */
  sentId?: string
}

/**
 * The error of a reply with a status of 400 or more. Google answers `{ error: { code, message, errors: [{ reason }], status, details } }`
 * (https://cloud.google.com/apis/design/errors, https://cloud.google.com/compute/docs/api/how-tos/error-messages); storage's media paths answer text or XML, the token
 * endpoint `{ error, error_description }`. Only `reason` tells a full quota and too many calls from a missing permission: all three can be 403.
 */
export function errorOfReply(operation: string, reply: ErrorReply): CloudError {
  const said = saidBy(reply.body)
  const vendorCode = said.reason ?? said.status ?? String(reply.status)
  return cloudError(operation, {
    vendorCode,
    message: said.message ?? (reply.body.slice(0, 300) || `HTTP ${reply.status}`),
    meaning: meaningOf(vendorCode, reply.status, said.message),
    retryAfterMs: retryAfter(reply.header('retry-after')) ?? said.retryAfterMs,
    requestId: said.requestId ?? reply.header('x-guploader-uploadid') ?? reply.sentId,
  })
}

/** One error of a Compute operation that was accepted and then failed. */
export interface OperationError {
  code?: string | null
  message?: string | null
}

/** The error of an operation that ended without its effect (`operation.error.errors[]`, `httpErrorStatusCode`). */
export function errorOfOperation(
  operation: string,
  errors: readonly OperationError[],
  { status, name }: { status: number | undefined; name: string | undefined },
): CloudError {
  const [first] = errors
  const vendorCode = first?.code ?? 'UNKNOWN'
  const message = errors.map((error) => error.message ?? error.code).join('; ')
  return cloudError(operation, {
    vendorCode,
    message: message || vendorCode,
    meaning: meaningOf(vendorCode, status ?? 500, message),
    requestId: name,
  })
}

/**
 * Anything thrown below a call as what the caller is to see: what the call scope threw as it was, a CloudError from wherever an SDK has
 * hidden it, a connection's failure as CloudError `tls`, `timeout` or `network`. What is none of these is a defect and passes through.
 */
export function toCloudError(operation: string, error: unknown): unknown {
  const chain = causesOf(error)
  for (const cause of chain) {
    if (cause instanceof CallRefused) return cause.cause
    if (cause instanceof CloudError) return cause
  }
  for (const cause of chain) {
    const failure = errorOfConnection(operation, cause)
    if (failure) return failure
  }
  return error
}

/** A service that stayed silent for longer than the registration allows. */
export const timedOut = (operation: string, timeoutMs: number): CloudError =>
  new CloudError(`Google Cloud did not answer ${operation} within ${timeoutMs} ms.`, {
    cloud: 'gcp',
    operation,
    code: 'timeout',
    kind: 'retryable',
    remedy:
      'Check the route to Google; raise options.request_timeout_ms of the provider if it is merely slow.',
  })

interface Said {
  reason?: string
  status?: string
  message?: string
  retryAfterMs?: number
  requestId?: string
}

function cloudError(
  operation: string,
  {
    vendorCode,
    message,
    meaning,
    retryAfterMs,
    requestId,
  }: {
    vendorCode: string
    message: string
    meaning: Meaning
    retryAfterMs?: number | undefined
    requestId?: string | undefined
  },
): CloudError {
  const facts: CloudErrorFacts = { cloud: 'gcp', operation, vendorCode, ...meaning }
  if (requestId !== undefined) facts.requestId = requestId
  if (retryAfterMs !== undefined) facts.retryAfterMs = retryAfterMs
  return new CloudError(`Google Cloud refused ${operation}: ${message}`, facts)
}

function saidBy(body: string): Said {
  try {
    const parsed: unknown = JSON.parse(body)
    const { error, error_description: described } = (Array.isArray(parsed) ? parsed[0] : parsed) as {
      error?: string | RpcError
      error_description?: string
    }
    if (typeof error === 'string') return { reason: error, message: described ?? error }
    if (error === undefined) return {}
    const reason = error.errors?.[0]?.reason ?? detail(error, 'ErrorInfo')?.reason
    const delay = detail(error, 'RetryInfo')?.retryDelay
    const requestId = detail(error, 'RequestInfo')?.requestId
    return {
      ...(reason === undefined ? {} : { reason }),
      ...(error.status === undefined ? {} : { status: error.status }),
      ...(error.message === undefined ? {} : { message: error.message }),
      ...(delay === undefined ? {} : { retryAfterMs: Number.parseFloat(delay) * 1000 }),
      ...(requestId === undefined ? {} : { requestId }),
    }
  } catch {
    const code = /<Code>(.*?)<\/Code>/s.exec(body)?.[1]
    const message = /<Message>(.*?)<\/Message>/s.exec(body)?.[1]
    return { ...(code === undefined ? {} : { reason: code }), ...(message === undefined ? {} : { message }) }
  }
}

interface RpcError {
  message?: string
  status?: string
  errors?: { reason?: string }[]
  details?: { '@type'?: string; reason?: string; retryDelay?: string; requestId?: string }[]
}

const detail = (error: RpcError, type: string) =>
  error.details?.find((candidate) => candidate['@type']?.endsWith(`.${type}`))

const retryAfter = (header: string | null): number | undefined => {
  const seconds = Number.parseFloat(header ?? '')
  return Number.isNaN(seconds) ? undefined : seconds * 1000
}

function causesOf(error: unknown): unknown[] {
  const chain: unknown[] = []
  for (let next = error; next !== undefined && next !== null && chain.length < 8;) {
    chain.push(next)
    next = next instanceof Error ? next.cause : undefined
  }
  return chain
}

function errorOfConnection(operation: string, error: unknown): CloudError | undefined {
  if (!(error instanceof Error)) return undefined
  const given = (error as { code?: unknown }).code
  const code = typeof given === 'string' ? given : ''
  // Of an SDK's error only the words and the place go on: the rest may hold the request with its token.
  const cause = Object.assign(new Error(error.message), { name: error.name, stack: error.stack })
  if (/CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|^ERR_TLS|^ERR_SSL|^EPROTO$/.test(code))
    return new CloudError(
      `The TLS certificate of Google Cloud was not accepted for ${operation}: ${error.message}`,
      {
        cloud: 'gcp',
        operation,
        code: 'tls',
        kind: 'permanent',
        remedy:
          'For a private certificate authority, put its PEM certificate into options.ca_pem of the provider.',
        vendorCode: code,
        cause,
      },
    )
  if (!/^E[A-Z]+$|^UND_ERR/.test(code)) return undefined
  const silent = /^UND_ERR_(HEADERS|BODY)_TIMEOUT$|^ETIMEDOUT$/.test(code)
  return new CloudError(`Google Cloud could not be reached for ${operation}: ${error.message}`, {
    cloud: 'gcp',
    operation,
    code: silent ? 'timeout' : 'network',
    kind: 'retryable',
    remedy: 'Check name resolution, proxy and firewall between the worker and Google.',
    vendorCode: code,
    cause,
  })
}
