import type { PipelineResponse } from '@azure/core-rest-pipeline'
import { refusalOf } from '#shared/clouds/azure/client/refusals.ts'
import { CloudError, type CloudErrorFacts } from '#shared/clouds/errors.ts'
import type { CapacityScope, ErrorKind } from '#shared/errors.ts'

/** What an Azure failure says, gathered from wherever the SDK put it. */
interface Said {
  vendorCode: string
  message: string
  status: number | undefined
  requestId: string | undefined
  retryAfterMs: number | undefined
}

interface Meaning {
  code: string
  kind: ErrorKind
  scope?: CapacityScope
  remedy?: string
}

/**
 * Anything thrown by an Azure SDK as a CloudError. What is not Azure's passes through as it is: errors of
 * the step's guard, the reason of an abort, a CloudError made further down.
 * Codes: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors and
 * https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
 */
export function toCloudError(operation: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof CloudError) return error
  if (error.name === 'RestError' || signInCode.test(error.message) || isLongRunning(error)) {
    return cloudError(operation, said(error), error)
  }
  return tlsOrNetwork(operation, error)
}

/** The error of a response that never reached an SDK's own error handling. */
export function errorOfResponse(operation: string, response: PipelineResponse): CloudError {
  const { vendorCode, message } = saidByBody(response.bodyAsText ?? '')
  const facts = { vendorCode: vendorCode || codeInHeader(response), message, ...saidByHeaders(response) }
  return cloudError(operation, facts, undefined)
}

export const timedOut = (operation: string, timeoutMs: number, cause: unknown): CloudError =>
  new CloudError(`Azure did not answer ${operation} within ${timeoutMs} ms.`, {
    cloud: 'azure',
    operation,
    code: 'timeout',
    kind: 'retryable',
    remedy:
      'Check the route to Azure; raise options.request_timeout_ms of the provider if it is merely slow.',
    cause: bare(cause),
  })

/** The error of an answer that Azure gave about a finished operation or a resource's state. */
export const errorOfCode = (operation: string, vendorCode: string, message: string): CloudError =>
  cloudError(
    operation,
    { vendorCode, message, status: 409, requestId: undefined, retryAfterMs: undefined },
    undefined,
  )

function cloudError(operation: string, facts: Said, cause: unknown): CloudError {
  const transport = cause === undefined ? undefined : tlsOrNetwork(operation, cause as Error)
  if (facts.status === undefined && transport instanceof CloudError) return transport
  const meaning = meaningOf(facts)
  const full: CloudErrorFacts = { cloud: 'azure', operation, ...meaning }
  if (facts.vendorCode !== '') full.vendorCode = facts.vendorCode
  if (facts.requestId !== undefined) full.requestId = facts.requestId
  if (meaning.kind === 'throttled' && facts.retryAfterMs !== undefined) full.retryAfterMs = facts.retryAfterMs
  if (cause !== undefined) full.cause = bare(cause)
  return new CloudError(
    `Azure refused ${operation}: ${facts.message || facts.vendorCode || facts.status}`,
    full,
  )
}

/** An SDK's error holds the whole request, with its token or access signature. Of a cause, only the words and the place go on. */
function bare(error: unknown): Error {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error))
  const copy = new Error(message)
  return Object.assign(copy, { name, stack })
}

function meaningOf(facts: Said): Meaning {
  if (facts.status === 429) return throttled
  if (
    /quota/i.test(facts.message) &&
    /OperationNotAllowed|QuotaExceeded|ResourceQuota/.test(facts.vendorCode)
  ) {
    return quota(/family/i.test(facts.message) ? 'type' : 'region')
  }
  if (facts.vendorCode === 'OperationNotAllowed' && /max price/i.test(facts.message)) return outbid
  if (facts.vendorCode === 'OperationNotAllowed' && /not support hibernation/i.test(facts.message))
    return sleepless
  if (facts.vendorCode === 'SkuNotAvailable' && /zones? '?\d/i.test(facts.message)) return capacity('zone')
  return byVendorCode[facts.vendorCode] ?? bySignIn(facts) ?? byStatus(facts.status)
}

const throttled: Meaning = { code: 'throttled', kind: 'throttled' }
const conflict: Meaning = { code: 'conflict', kind: 'retryable' }
const settled: Meaning = { code: 'conflict', kind: 'permanent' }
const missing: Meaning = { code: 'not_found', kind: 'permanent' }
const capacity = (scope: CapacityScope): Meaning => ({
  code: 'capacity',
  kind: 'capacity',
  scope,
  remedy: 'Take another size, zone or region, or try again later.',
})
const outbid: Meaning = {
  code: 'capacity',
  kind: 'capacity',
  scope: 'type',
  remedy: 'Raise the cap on the spot price, take another size, or buy on demand.',
}
const sleepless: Meaning = {
  code: 'invalid_request',
  kind: 'permanent',
  remedy: 'Take a size that can hibernate, as the VM was made to; or make a new VM of the size.',
}
const quota = (scope: CapacityScope): Meaning => ({
  code: 'quota_exceeded',
  kind: 'capacity',
  scope,
  remedy: 'Ask for more vCPUs under "Usage + quotas" of the subscription, or take another size or region.',
})
const forbidden: Meaning = {
  code: 'forbidden',
  kind: 'permanent',
  remedy:
    'Give the application the Contributor role on the subscription or on the resource group; check subscription_id.',
}
const noDataRole: Meaning = {
  ...forbidden,
  remedy:
    'Give the application the role Storage Blob Data Contributor on the subscription or on the resource group: Contributor does not reach into accounts.',
}
const takenName: Meaning = {
  ...settled,
  remedy: 'Take another name: those of storage accounts are shared by all customers of Azure.',
}
const unauthenticated: Meaning = {
  code: 'auth_failed',
  kind: 'permanent',
  remedy: 'Check tenant_id, client_id and client_secret; secrets of app registrations expire.',
}

const byVendorCode: Readonly<Record<string, Meaning>> = {
  SkuNotAvailable: capacity('type'),
  AllocationFailed: capacity('type'),
  OverconstrainedAllocationRequest: capacity('type'),
  ZonalAllocationFailed: capacity('zone'),
  OverconstrainedZonalAllocationRequest: capacity('zone'),
  QuotaExceeded: quota('region'),
  ResourceQuotaExceeded: quota('region'),
  PublicIPCountLimitReached: quota('region'),
  MaxStorageAccountsCountPerSubscriptionExceeded: quota('region'),
  TooManyRequests: throttled,
  SubscriptionRequestsThrottled: throttled,
  ResourceRequestsThrottled: throttled,
  ServerBusy: throttled,
  OperationNotAllowed: conflict,
  Conflict: conflict,
  AnotherOperationInProgress: conflict,
  AttachDiskWhileBeingDetached: conflict,
  DiskBlobAlreadyInUseByAnotherDisk: conflict,
  NicInUse: conflict,
  InUseSubnetCannotBeDeleted: conflict,
  InUseNetworkSecurityGroupCannotBeDeleted: conflict,
  PublicIPAddressInUse: conflict,
  PublicIPAddressCannotBeDeleted: conflict,
  ResourceGroupBeingDeleted: conflict,
  ReferencedResourceNotProvisioned: conflict,
  RetryableError: { code: 'unavailable', kind: 'retryable' },
  PropertyChangeNotAllowed: settled,
  ScopeLocked: {
    ...settled,
    remedy: 'Remove the lock on the resource or on its group, or leave it as it is.',
  },
  MissingSubscriptionRegistration: {
    ...forbidden,
    remedy:
      'Register the resource provider that the message names, under "Resource providers" of the subscription.',
  },
  PreconditionFailed: conflict,
  InvalidVhd: {
    code: 'integrity',
    kind: 'permanent',
    remedy: 'Delete the disk and upload it again from the start.',
  },
  Md5Mismatch: { code: 'integrity', kind: 'retryable' },
  Crc64Mismatch: { code: 'integrity', kind: 'retryable' },
  ResourceNotFound: missing,
  ResourceGroupNotFound: missing,
  ParentResourceNotFound: missing,
  NotFound: missing,
  BlobNotFound: missing,
  CannotVerifyCopySource: { code: 'forbidden', kind: 'retryable' },
  CannotDeleteResource: conflict,
  ContainerBeingDeleted: conflict,
  PublicAccessNotPermitted: settled,
  StorageAccountAlreadyExists: takenName,
  StorageAccountAlreadyTaken: takenName,
  StorageAccountInAnotherResourceGroup: takenName,
  AuthorizationFailed: forbidden,
  AuthorizationPermissionMismatch: noDataRole,
  LinkedAuthorizationFailed: forbidden,
  SubscriptionNotFound: forbidden,
  InvalidSubscriptionId: forbidden,
  DisabledSubscription: forbidden,
  ReadOnlyDisabledSubscription: forbidden,
}

/** Microsoft Entra names its errors so, in a text that the identity library wraps into errors of several names. */
const signInCode = /AADSTS\d+/

function bySignIn(facts: Said): Meaning | undefined {
  return signInCode.test(facts.message) ? unauthenticated : undefined
}

function byStatus(status: number | undefined): Meaning {
  if (status === undefined) return { code: 'cloud_error', kind: 'retryable' }
  if (status === 401) return unauthenticated
  if (status === 403) return forbidden
  if (status === 404 || status === 410) return missing
  if (status === 408) return { code: 'timeout', kind: 'retryable' }
  if (status === 409 || status === 412) return conflict
  if (status >= 500) return { code: 'unavailable', kind: 'retryable' }
  return { code: 'invalid_request', kind: 'permanent' }
}

function said(error: Error): Said {
  const rest = error as Error & {
    code?: unknown
    statusCode?: unknown
    request?: unknown
    response?: PipelineResponse
  }
  const response = refusalOf(rest.request) ?? rest.response
  const inBody = saidByBody(response?.bodyAsText ?? '')
  const finished = longRunning.exec(error.message)
  const signIn = signInCode.exec(error.message)?.[0]
  const named = typeof rest.code === 'string' ? rest.code : ''
  return {
    vendorCode: inBody.vendorCode || finished?.[1] || signIn || named || codeInHeader(response),
    message: (inBody.message || finished?.[2] || error.message).replaceAll(/\s+/g, ' ').trim(),
    status: finished ? 409 : signIn ? 401 : typeof rest.statusCode === 'number' ? rest.statusCode : undefined,
    requestId: undefined,
    retryAfterMs: undefined,
    ...(response ? saidByHeaders(response) : {}),
  }
}

interface SaidInJson {
  error?: { code?: string; message?: string } | string
  Error?: { Code?: string; Message?: string }
}

/** ARM answers `{ error: { code, message, details } }`, the price list in capitals, storage in XML, and HEAD nothing at all. */
function saidByBody(body: string): { vendorCode: string; message: string } {
  try {
    const { error, Error: other } = JSON.parse(body) as SaidInJson
    if (typeof error === 'object') return { vendorCode: error.code ?? '', message: error.message ?? '' }
    if (other) return { vendorCode: other.Code ?? '', message: other.Message ?? '' }
  } catch {
    const code = /<Code>(.*?)<\/Code>/s.exec(body)?.[1]
    if (code !== undefined)
      return { vendorCode: code, message: /<Message>(.*?)<\/Message>/s.exec(body)?.[1] ?? '' }
  }
  return { vendorCode: '', message: '' }
}

function saidByHeaders({
  status,
  headers,
}: PipelineResponse): Pick<Said, 'status' | 'requestId' | 'retryAfterMs'> {
  const waits = [...headers]
    .filter(([name]) => /(^|costmanagement-.*-)retry-after$/.test(name))
    .map(([, seconds]) => Number.parseInt(seconds, 10))
    .filter((seconds) => !Number.isNaN(seconds))
  return {
    status,
    requestId: headers.get('x-ms-request-id') ?? headers.get('x-ms-correlation-request-id'),
    // Cost Management counts queries in several ways at once, and names the wait of each.
    retryAfterMs: waits.length === 0 ? undefined : Math.max(...waits) * 1000,
  }
}

/** Storage repeats its code there, and of HEAD that is all there is. */
const codeInHeader = (response: PipelineResponse | undefined): string =>
  response?.headers.get('x-ms-error-code') ?? ''

/** How the SDK words an operation that was accepted and failed later: code and message survive only in this text. */
const longRunning = /^The long-running operation has failed\. (\w+)\. (.*)$/s
const isLongRunning = (error: Error): boolean =>
  error.message.startsWith('The long-running operation has failed')

function tlsOrNetwork(operation: string, error: Error): unknown {
  const given = (error as { code?: unknown }).code
  const code = typeof given === 'string' ? given : ''
  if (/CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|^ERR_TLS|^ERR_SSL|^EPROTO$/.test(code)) {
    return new CloudError(
      `The TLS certificate of Azure was not accepted for ${operation}: ${error.message}`,
      {
        cloud: 'azure',
        operation,
        code: 'tls',
        kind: 'permanent',
        remedy:
          'For a private certificate authority, put its PEM certificate into options.ca_pem of the provider.',
        vendorCode: code,
        cause: bare(error),
      },
    )
  }
  if (/^E[A-Z]+$|^REQUEST_SEND_ERROR$|^UND_ERR/.test(code)) {
    return new CloudError(`Azure could not be reached for ${operation}: ${error.message}`, {
      cloud: 'azure',
      operation,
      code: 'network',
      kind: 'retryable',
      remedy: 'Check name resolution, proxy and firewall between the worker and Azure.',
      vendorCode: code,
      cause: bare(error),
    })
  }
  return error
}
