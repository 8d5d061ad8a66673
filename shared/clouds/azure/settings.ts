import { X509Certificate } from 'node:crypto'
import manifest from '#package.json' with { type: 'json' }
import { CloudError } from '#shared/clouds/errors.ts'
import type { CallRecorder } from '#shared/clouds/calls/recorder.ts'
import type { CloudSettings } from '#shared/clouds/port.ts'

/** A provider registration of type `azure`, checked. */
export interface AzureSettings {
  providerId: string
  tenantId: string
  clientId: string
  clientSecret: string
  subscriptionId: string
  defaultRegion: string | undefined
  /** Azure Resource Manager, without a slash at the end. */
  managementUrl: string
  /** Microsoft Entra, without a slash at the end. */
  authorityUrl: string
  /** The public list of retail prices, without a slash at the end. */
  pricesUrl: string
  /** Where a storage account's blobs are: `{account}` stands for its name. */
  storageUrl: string
  /** Is `authorityUrl` the registration's own, and not one that Microsoft publishes? */
  privateAuthority: boolean
  /** What the token is asked for. */
  tokenScope: string
  caPem: string | undefined
  /** Everything NovaCron creates goes in here; created when missing. */
  resourceGroup: string
  /** The subnet of new VMs; undefined takes one of NovaCron's own per region. */
  subnetId: string | undefined
  /** How long one attempt of one request may take, its body included. */
  requestTimeoutMs: number
  /** How often a running operation is looked at, where Azure does not name a pace by Retry-After. */
  pollMs: number
  /** How long the effect of a call that was cut off may take to show in Azure's lists. */
  consistencyMs: number
  /** The longest that a call may wait out throttling by itself; longer waits are the queue's. */
  throttleWaitMs: number
  /** A managed identity that may use the user's keys in Key Vault: needed for storage accounts encrypted with them. */
  keyIdentityId: string | undefined
  userAgent: string
  /** Where the calls to Azure Resource Manager are counted. */
  calls: CallRecorder | undefined
}

/**
 * Checks what a registration gives: credentials `{ tenant_id, client_id, client_secret, subscription_id }`,
 * endpoints `{ management?, authority?, prices?, storage? }`, options
 * `{ ca_pem?, resource_group?, subnet_id?, key_identity_id?, request_timeout_ms?, poll_ms?, consistency_ms?, throttle_wait_ms? }`.
 * @throws CloudError `invalid_request` naming the field, the reason and the remedy.
 */
export function readSettings(settings: CloudSettings): AzureSettings {
  const managementUrl = httpsUrl(settings, 'management', 'https://management.azure.com')
  const authorityUrl = httpsUrl(settings, 'authority', authorityOf(managementUrl))
  return {
    providerId: settings.providerId,
    tenantId: credential(settings, 'tenant_id'),
    clientId: credential(settings, 'client_id'),
    clientSecret: credential(settings, 'client_secret'),
    subscriptionId: credential(settings, 'subscription_id'),
    defaultRegion: settings.defaultRegion,
    managementUrl,
    authorityUrl,
    pricesUrl: httpsUrl(settings, 'prices', 'https://prices.azure.com'),
    storageUrl: storageUrl(settings, `https://{account}.blob.${storageSuffixOf(managementUrl)}`),
    privateAuthority: settings.endpoints['authority'] !== undefined,
    tokenScope: sovereign(managementUrl)
      ? `${managementUrl}/.default`
      : 'https://management.azure.com/.default',
    caPem: certificate(settings),
    resourceGroup: text(settings, 'resource_group') ?? 'novacron',
    subnetId: text(settings, 'subnet_id'),
    requestTimeoutMs: milliseconds(settings, 'request_timeout_ms', { least: 100, fallback: 60_000 }),
    pollMs: milliseconds(settings, 'poll_ms', { least: 1, fallback: 1000 }),
    consistencyMs: milliseconds(settings, 'consistency_ms', { least: 0, fallback: 5_000 }),
    throttleWaitMs: milliseconds(settings, 'throttle_wait_ms', { least: 0, fallback: 15_000 }),
    keyIdentityId: text(settings, 'key_identity_id'),
    userAgent: `novacron/${manifest.version} (${settings.workerId.replaceAll(/[^\w.:@-]/g, '-')})`,
    calls: settings.calls,
  }
}

function credential(settings: CloudSettings, field: string): string {
  const value = settings.credentials[field]?.trim()
  if (!value)
    refuse(settings, `credentials.${field}`, 'is missing', `Register the provider again with ${field}.`)
  return value
}

function httpsUrl(settings: CloudSettings, service: string, fallback: string): string {
  const given = settings.endpoints[service]
  if (given === undefined) return fallback
  if (!URL.canParse(given) || new URL(given).protocol !== 'https:') {
    const reason = 'must be an https URL: Azure SDKs never send a token over plain http'
    refuse(
      settings,
      `endpoints.${service}`,
      reason,
      `Give it as https://…, with options.ca_pem for a private CA.`,
    )
  }
  return given.replace(/\/+$/, '')
}

function storageUrl(settings: CloudSettings, fallback: string): string {
  const given = settings.endpoints['storage'] ?? fallback
  if (!given.includes('{account}'))
    refuse(
      settings,
      'endpoints.storage',
      'must say where the name of the account goes',
      'Put {account} there.',
    )
  const url = given.replace('{account}', 'account')
  if (!URL.canParse(url) || new URL(url).protocol !== 'https:')
    refuse(settings, 'endpoints.storage', 'must be an https URL', `Give it as ${fallback}.`)
  return given.replace(/\/+$/, '')
}

function storageSuffixOf(managementUrl: string): string {
  if (managementUrl.endsWith('.usgovcloudapi.net')) return 'core.usgovcloudapi.net'
  if (managementUrl.endsWith('.chinacloudapi.cn')) return 'core.chinacloudapi.cn'
  return 'core.windows.net'
}

const sovereign = (managementUrl: string): boolean =>
  /\.(usgovcloudapi\.net|chinacloudapi\.cn)$/.test(managementUrl)

function authorityOf(managementUrl: string): string {
  if (managementUrl.endsWith('.usgovcloudapi.net')) return 'https://login.microsoftonline.us'
  if (managementUrl.endsWith('.chinacloudapi.cn')) return 'https://login.chinacloudapi.cn'
  return 'https://login.microsoftonline.com'
}

function text(settings: CloudSettings, field: string): string | undefined {
  const value = settings.options[field]
  if (value === undefined || value === '') return undefined
  if (typeof value !== 'string') refuse(settings, `options.${field}`, 'must be text', 'Give it as a string.')
  return value
}

function certificate(settings: CloudSettings): string | undefined {
  const pem = text(settings, 'ca_pem')
  if (pem === undefined) return undefined
  try {
    void new X509Certificate(pem)
    return pem
  } catch {
    return refuse(
      settings,
      'options.ca_pem',
      'is not a PEM certificate',
      'Paste the whole file, BEGIN and END lines too.',
    )
  }
}

function milliseconds(
  settings: CloudSettings,
  option: string,
  { least, fallback }: { least: number; fallback: number },
): number {
  const value = settings.options[option] ?? fallback
  if (typeof value === 'number' && Number.isInteger(value) && value >= least) return value
  return refuse(
    settings,
    `options.${option}`,
    `must be a whole number of at least ${least}`,
    `Leave it out for ${fallback}.`,
  )
}

function refuse(settings: CloudSettings, field: string, reason: string, remedy: string): never {
  throw new CloudError(`Provider "${settings.providerId}": ${field} ${reason}.`, {
    cloud: 'azure',
    operation: 'open',
    code: 'invalid_request',
    remedy,
    details: { field },
  })
}
