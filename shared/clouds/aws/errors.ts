import { meaningOf } from '#shared/clouds/aws/error-rules.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import { NovaError } from '#shared/errors.ts'

/** A refusal of the call scope (the worker no longer holds the step), carried through the SDK untouched. */
export class CallRefused extends Error {
  readonly refusal: unknown

  constructor(refusal: unknown) {
    super('The caller may no longer call the cloud.')
    this.name = 'CallRefused'
    // Not `cause`: the SDK looks through causes for something to retry.
    this.refusal = refusal
  }
}

/**
 * Turns whatever the SDK threw into a CloudError (or gives back what the call scope threw). Every AWS error of NovaCron passes here.
 * Codes: EC2 API Reference, "Error codes for the Amazon EC2 API"; EBS direct API Reference, "Common errors"; S3 API Reference, "Error responses";
 * the error shapes of the CloudWatch, Cost Explorer, Price List, Service Quotas, STS and KMS models.
 */
export function toCloudError(error: unknown, operation: string, region: string): unknown {
  if (error instanceof CallRefused) return error.refusal
  if (error instanceof NovaError) return error
  const { errorCode, fromVendor, requestId, status, retryAfter, text } = read(error)
  const facts = meaningOf({ errorCode, operation, status, text, retryAfterMs: waitMs(retryAfter) })
  const origin = requestId === undefined ? errorCode : `${errorCode}, request ${requestId}`
  return new CloudError(`AWS ${operation} in ${region}: ${facts.says ?? text} (${origin}).`, {
    cloud: 'aws',
    operation,
    cause: error,
    ...(fromVendor ? { vendorCode: errorCode } : {}),
    ...(requestId === undefined ? {} : { requestId }),
    ...without(facts, 'says'),
    details: { region, ...facts.details },
  })
}

/** The SDK's exceptions carry the vendor's code as `name`; Node's network and TLS errors theirs as `code`, whatever their name. */
function read(error: unknown) {
  const {
    name = '',
    code,
    message = String(error),
    $fault,
    $metadata: { requestId, httpStatusCode: status } = {},
    $response: { headers } = {},
  } = (error ?? {}) as {
    name?: string
    code?: unknown
    message?: string
    $fault?: string
    $metadata?: { requestId?: string; httpStatusCode?: number }
    $response?: { headers?: Record<string, string> }
  }
  return {
    errorCode: typeof code === 'string' ? code : name,
    fromVendor: $fault !== undefined,
    requestId,
    status,
    retryAfter: headers?.['retry-after'],
    text: message.replace(/\.$/, '') || name,
  }
}

/** The services name no time to wait as a rule; how long to wait is the call watch's then. */
function waitMs(header: string | undefined): number | undefined {
  const seconds = Number(header)
  return header !== undefined && Number.isFinite(seconds) ? seconds * 1000 : undefined
}

function without<T extends object, K extends keyof T>(value: T, key: K): Omit<T, K> {
  const { [key]: _, ...rest } = value
  return rest
}
