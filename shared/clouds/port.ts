import type { CallRecorder } from '#shared/clouds/calls/recorder.ts'
import type { BillingFacet } from '#shared/clouds/facets/billing.ts'
import type { ComputeFacet } from '#shared/clouds/facets/compute.ts'
import type { DisksFacet } from '#shared/clouds/facets/disks.ts'
import type { HostsFacet } from '#shared/clouds/facets/hosts.ts'
import type { IdentityFacet } from '#shared/clouds/facets/identity.ts'
import type { ImagesFacet } from '#shared/clouds/facets/images.ts'
import type { InventoryFacet } from '#shared/clouds/facets/inventory.ts'
import type { NetworksFacet } from '#shared/clouds/facets/networks.ts'
import type {
  HealthFacet,
  MetricsFacet,
  PricesFacet,
  QuotasFacet,
} from '#shared/clouds/facets/observation.ts'
import type { PostureFacet } from '#shared/clouds/facets/posture.ts'
import type { StorageFacet } from '#shared/clouds/facets/storage.ts'
import type { CloudType } from '#shared/clouds/facets/terms.ts'
import type { Capabilities } from '#shared/clouds/operations.ts'

export type * from '#shared/clouds/facets/billing.ts'
export type * from '#shared/clouds/facets/compute.ts'
export type * from '#shared/clouds/facets/disks.ts'
export type * from '#shared/clouds/facets/hosts.ts'
export type * from '#shared/clouds/facets/identity.ts'
export type * from '#shared/clouds/facets/images.ts'
export type * from '#shared/clouds/facets/inventory.ts'
export type * from '#shared/clouds/facets/networks.ts'
export type * from '#shared/clouds/facets/observation.ts'
export type * from '#shared/clouds/facets/posture.ts'
export type * from '#shared/clouds/facets/storage.ts'
export type * from '#shared/clouds/facets/terms.ts'

/** What a provider registration gives an adapter. Credentials are opened from their seal only in the worker. */
export interface CloudSettings {
  /** The provider's id, e.g. `aws-prod`; for messages. */
  providerId: string
  type: CloudType
  /** Vendor-specific, e.g. `{ access_key_id, secret_access_key }` or `{ tenant_id, client_id, client_secret, subscription_id }`. */
  credentials: Readonly<Record<string, string>>
  regions: readonly string[]
  defaultRegion: string | undefined
  /** Overrides of service addresses by service name, e.g. `{ ec2: 'https://…' }`. */
  endpoints: Readonly<Record<string, string>>
  /** Vendor-specific, e.g. `{ ca_pem, resource_group, subnet_id }`. */
  options: Readonly<Record<string, unknown>>
  /** Names this process in user agents, so that a call can be traced to its worker. */
  workerId: string
  /** Where calls to the control plane are counted; left out, each adapter counts for itself. */
  calls?: CallRecorder
}

/**
 * The one interface to every cloud. Waiting is the caller's: a call returns once the cloud has accepted it. Every facet is there on every
 * cloud; an operation that the cloud lacks throws CloudError `unsupported` with the reason that its capabilities give, before anything is done.
 */
export interface Cloud {
  readonly type: CloudType
  readonly capabilities: Capabilities
  readonly identity: IdentityFacet
  readonly compute: ComputeFacet
  readonly disks: DisksFacet
  readonly images: ImagesFacet
  readonly networks: NetworksFacet
  readonly storage: StorageFacet
  readonly hosts: HostsFacet
  readonly inventory: InventoryFacet
  readonly metrics: MetricsFacet
  readonly quotas: QuotasFacet
  readonly prices: PricesFacet
  readonly billing: BillingFacet
  readonly posture: PostureFacet
  readonly health: HealthFacet
  /** What a vendor does by itself in its own cloud and nobody does in a house: to be called each minute, and each hour. Safe at several places at once. */
  readonly rounds?: {
    /** Samples machines, for their metrics. */
    minutely(): Promise<void>
    /** Lets go of what lifecycle rules say, and of records that nobody needs any more. */
    hourly(): Promise<void>
  }
  /** Closes connections. */
  close(): void
}
