import { NovaError, type ErrorFacts } from '#shared/errors.ts'
import type { CloudType } from '#shared/clouds/port.ts'

export interface CloudErrorFacts extends ErrorFacts {
  cloud: CloudType
  /** The vendor's operation, e.g. `RunInstances`. */
  operation: string
  /** The vendor's own error code, kept as it came. */
  vendorCode?: string
  /** The vendor's request id, for its support desk. */
  requestId?: string
}

/**
 * The error of every call to a cloud. Codes: `auth_failed`, `forbidden`, `not_found`, `conflict`, `invalid_request`,
 * `capacity`, `quota_exceeded`, `throttled`, `unavailable`, `timeout`, `network`, `tls`, `integrity`, `unsupported`, `cloud_error`.
 */
export class CloudError extends NovaError {
  readonly cloud: CloudType
  readonly operation: string
  readonly vendorCode?: string
  readonly requestId?: string

  constructor(message: string, facts: CloudErrorFacts) {
    super(message, { ...facts, remedy: facts.remedy ?? remedies[facts.code] })
    this.cloud = facts.cloud
    this.operation = facts.operation
    if (facts.vendorCode !== undefined) this.vendorCode = facts.vendorCode
    if (facts.requestId !== undefined) this.requestId = facts.requestId
  }
}

/** Of errors whose own remedy nobody has written. */
const remedies: Readonly<Record<string, string>> = {
  not_found: 'Check the id that the message names and its region; sync the provider to see what there is.',
  conflict: 'Wait until what uses it is done or gone, or release it, and do it again.',
  invalid_request: 'Correct the value that the message names.',
  unavailable: 'The cloud has trouble of its own; do it again later.',
  throttled: 'Nothing to do: it is tried again.',
}

/** Is this the cloud saying that the thing does not exist (any more, or yet)? */
export const isNotFound = (error: unknown): boolean =>
  error instanceof CloudError && error.code === 'not_found'
