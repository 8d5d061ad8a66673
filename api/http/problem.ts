import { NovaError } from '#shared/errors.ts'
import { problems, type ProblemCode } from '#api/http/problems.ts'

/** One field that is wrong. `field` is a path such as `config.regions[0]`, `query.limit` or `header.If-Match`. */
export interface FieldError {
  field: string
  reason: string
  remedy: string
}

export interface ApiErrorFacts {
  remedy?: string
  errors?: FieldError[]
  headers?: Record<string, string>
  /** Extra members of the answer, e.g. links to what is in the way. Never a credential. */
  details?: Record<string, unknown>
  cause?: unknown
}

/** What a route throws to answer with a problem. */
export class ApiError extends NovaError {
  readonly status: number
  readonly title: string
  readonly errors: FieldError[] | undefined
  readonly headers: Record<string, string> | undefined

  constructor(code: ProblemCode, detail: string, facts: ApiErrorFacts = {}) {
    const { errors, headers, ...rest } = facts
    super(detail, { code, ...rest })
    const [status, title] = problems[code]
    this.status = status
    this.title = title
    this.errors = errors
    this.headers = headers
  }
}

/** The answer to an id that this tenant has nothing under, be it unknown or another tenant's. */
export const notFound = (what: string): ApiError =>
  new ApiError('not_found', `There is no ${what} with this id.`, {
    remedy: 'Check the id; list what there is to see the ids that you can use.',
  })

/** A validation failure of named fields. */
export function invalid(errors: FieldError[]): ApiError {
  const named = errors.slice(0, 3).map(({ field, reason }) => `${field} ${reason}`)
  const more = errors.length > named.length ? ` (and ${errors.length - named.length} more)` : ''
  return new ApiError('validation_failed', `${named.join('; ')}${more}.`, {
    errors,
    remedy: errors.length === 1 && errors[0] ? errors[0].remedy : 'Correct the fields listed in `errors`.',
  })
}

/** The answer in RFC 9457 form. */
export function problemResponse(
  error: ApiError,
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const body = {
    type: `/docs#problem-${error.code}`,
    title: error.title,
    status: error.status,
    code: error.code,
    detail: error.message,
    ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
    ...(error.errors ? { errors: error.errors } : {}),
    ...error.details,
    request_id: requestId,
  }
  return new Response(JSON.stringify(body), {
    status: error.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-request-id': requestId,
      ...headers,
      ...error.headers,
    },
  })
}

/**
 * What to answer for anything that was thrown. What we did not foresee tells the client nothing but its request id.
 * @returns the problem, and whether it is our fault and belongs into the log.
 */
export function asApiError(error: unknown): { problem: ApiError; ours: boolean } {
  if (error instanceof ApiError) return { problem: error, ours: error.status >= 500 }
  if (isConnectionTrouble(error))
    return {
      ours: true,
      problem: new ApiError('unavailable', 'The database cannot be reached.', {
        remedy: 'Try again in a few seconds; a request with an Idempotency-Key is safe to repeat.',
        headers: { 'retry-after': '2' },
      }),
    }
  return {
    ours: true,
    problem: new ApiError('internal_error', 'The request could not be completed.', {
      remedy: 'Try again; if it stays, report the request_id.',
    }),
  }
}

/** Socket errors, and PostgreSQL's classes 08 (connection), 53 (resources) and 57P (shutdown). */
function isConnectionTrouble(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (/^(08|53|57P)/.test(code)) return true
  if (['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOENT', 'ENOTFOUND'].includes(code)) return true
  if (error.cause !== undefined && isConnectionTrouble(error.cause)) return true
  return /Connection terminated|timeout exceeded when trying to connect/.test(error.message)
}
