import type { CapacityScope, ErrorKind } from '#shared/errors.ts'

/** The part of a CloudError that a vendor's code stands for. */
export interface Meaning {
  code: string
  kind: ErrorKind
  scope?: CapacityScope
  remedy?: string
}

/**
 * What a refusal of Google's means to us: by its reason or error code, else by its words, else by its HTTP status.
 * https://cloud.google.com/compute/docs/troubleshooting/troubleshooting-vm-creation, https://cloud.google.com/storage/docs/json_api/v1/status-codes
 */
export function meaningOf(vendorCode: string, status: number, message: string | undefined): Meaning {
  const known = byVendorCode[vendorCode]
  if (known) return known
  if (/quota/i.test(vendorCode)) return quota('region')
  // A stopped or starting thing says so only in words.
  if (status === 400 && /is not ready|not in a valid state|must be in/i.test(message ?? '')) return conflict
  return byStatus(status)
}

const throttled: Meaning = { code: 'throttled', kind: 'throttled' }
const conflict: Meaning = { code: 'conflict', kind: 'retryable' }
const missing: Meaning = { code: 'not_found', kind: 'permanent' }
const unavailable: Meaning = { code: 'unavailable', kind: 'retryable' }
const invalid: Meaning = { code: 'invalid_request', kind: 'permanent' }
const capacity = (scope: CapacityScope): Meaning => ({
  code: 'capacity',
  kind: 'capacity',
  scope,
  remedy: 'Take another zone, machine type or region, or try again later.',
})
const quota = (scope: CapacityScope): Meaning => ({
  code: 'quota_exceeded',
  kind: 'capacity',
  scope,
  remedy:
    'Ask for more under "Quotas & System Limits" of the project, or take another region or machine type.',
})
const forbidden: Meaning = {
  code: 'forbidden',
  kind: 'permanent',
  remedy: 'Give the service account the role that the message names, and enable the API in the project.',
}
const unauthenticated: Meaning = {
  code: 'auth_failed',
  kind: 'permanent',
  remedy:
    'Check client_email and private_key: the key may have been deleted, or the service account disabled.',
}

const byVendorCode: Readonly<Record<string, Meaning>> = {
  rateLimitExceeded: throttled,
  userRateLimitExceeded: throttled,
  jobRateLimitExceeded: throttled,
  RATE_LIMIT_EXCEEDED: throttled,
  RESOURCE_OPERATION_RATE_EXCEEDED: throttled,
  SlowDown: throttled,
  quotaExceeded: quota('region'),
  limitExceeded: quota('account'),
  QUOTA_EXCEEDED: quota('region'),
  QUOTA_LIMIT_EXCEEDED: quota('region'),
  ZONE_RESOURCE_POOL_EXHAUSTED: capacity('zone'),
  ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS: capacity('zone'),
  REGION_RESOURCE_POOL_EXHAUSTED: capacity('region'),
  UNSUPPORTED_OPERATION: {
    code: 'unsupported',
    kind: 'permanent',
    remedy: 'The message says what this machine type or state does not allow.',
  },
  RESOURCE_IN_USE_BY_ANOTHER_RESOURCE: conflict,
  resourceInUseByAnotherResource: conflict,
  RESOURCE_NOT_READY: conflict,
  resourceNotReady: conflict,
  RESOURCE_NOT_FOUND: missing,
  conditionNotMet: conflict,
  CONDITION_NOT_MET: conflict,
  alreadyExists: conflict,
  RESOURCE_ALREADY_EXISTS: conflict,
  notFound: missing,
  resourceNotFound: missing,
  forbidden,
  accessNotConfigured: { ...forbidden, remedy: 'Enable the API that the message names in the project.' },
  SERVICE_DISABLED: { ...forbidden, remedy: 'Enable the API that the message names in the project.' },
  authError: unauthenticated,
  invalid_grant: unauthenticated,
  invalid_client: unauthenticated,
  unauthorized_client: unauthenticated,
  INVALID_IMAGE: {
    code: 'integrity',
    kind: 'permanent',
    remedy: 'The file that the image was to be made of is damaged: write the disk anew.',
  },
  invalid,
  INVALID_USAGE: invalid,
  INVALID_FIELD_VALUE: invalid,
  backendError: unavailable,
  internalError: unavailable,
  INTERNAL_ERROR: unavailable,
}

function byStatus(status: number): Meaning {
  if (status === 401) return unauthenticated
  if (status === 403) return forbidden
  if (status === 404 || status === 410) return missing
  if (status === 408) return { code: 'timeout', kind: 'retryable' }
  if (status === 409 || status === 412) return conflict
  if (status === 429) return throttled
  return status >= 500 ? unavailable : invalid
}
