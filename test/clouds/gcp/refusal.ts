import type { PlainReply } from '#test/clouds/core/server.ts'

/** A request refused in Google's own words: HTTP status, `errors[].reason` and message. */
export class Refusal extends Error {
  readonly status: number
  readonly reason: string
  /** Canonical name of the kind of error, as newer services give it beside. */
  readonly canonical: string
  /** Where the fault is, e.g. `resource.name`. */
  readonly location: string | undefined

  constructor(status: number, reason: string, message: string, location?: string) {
    super(message)
    this.name = 'Refusal'
    this.status = status
    this.reason = reason
    this.canonical = canonicalNames[status] ?? 'UNKNOWN'
    this.location = location
  }
}

/** `{ error: { code, message, errors: [{ message, domain, reason }] } }`: Compute, Storage and BigQuery. */
export const errorReply = (
  { status, reason, message, location }: Refusal,
  headers: Record<string, string> = {},
): PlainReply =>
  json(
    status,
    {
      error: {
        code: status,
        message,
        errors: [
          {
            message,
            domain: reason === 'rateLimitExceeded' ? 'usageLimits' : 'global',
            reason,
            ...(location === undefined ? {} : { location, locationType: 'parameter' }),
          },
        ],
      },
    },
    headers,
  )

/** `{ error: { code, message, status, details } }`: Cloud Build, Monitoring and Billing. */
export const rpcErrorReply = (
  { status, reason, message, canonical }: Refusal,
  headers: Record<string, string> = {},
): PlainReply =>
  json(
    status,
    {
      error: {
        code: status,
        message,
        status: /^[A-Z_]+$/.test(reason) ? reason : canonical,
        details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'googleapis.com' }],
      },
    },
    headers,
  )

export const json = (status: number, body?: unknown, headers: Record<string, string> = {}): PlainReply => ({
  status,
  headers: { 'content-type': 'application/json; charset=UTF-8', vary: 'X-Origin, Referer', ...headers },
  ...(body === undefined ? {} : { body: JSON.stringify(body) }),
})

const canonicalNames: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ALREADY_EXISTS',
  412: 'FAILED_PRECONDITION',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
}
