import type { SecurityRule } from '#shared/clouds/facets/networks.ts'
import type { CloudRef } from '#shared/clouds/facets/terms.ts'

interface Known extends CloudRef {
  name: string
  tags: Record<string, string>
}

/**
 * What compliance checks read, in one form for all clouds. A fact that a cloud has no notion of is undefined, and a check that needs it does
 * not apply; it is never guessed.
 */
export type PostureResource =
  | (Known & {
      kind: 'vm'
      running: boolean
      publicIp: boolean
      securityGroups: string[]
      disksEncrypted?: boolean
      /** The metadata service answers only to sessions with a token (AWS: IMDSv2; GCP and Azure demand a header by design: true). */
      metadataProtected?: boolean
      secureBoot?: boolean
      virtualTpm?: boolean
      detailedMonitoring?: boolean
      serialConsoleEnabled?: boolean
      /** Identity of the cloud that programs in the VM act as: role, managed identity, service account. */
      identity?: string
      deletionProtected?: boolean
    })
  | (Known & {
      kind: 'disk'
      encrypted: boolean
      customerKey: boolean
      attached: boolean
      publicNetworkAccess?: boolean
    })
  | (Known & {
      kind: 'snapshot'
      encrypted: boolean
      customerKey: boolean
      public: boolean
      createdAt?: Date
    })
  | (Known & {
      kind: 'bucket'
      encrypted: boolean
      customerKey: boolean
      access: 'blocked' | 'private' | 'public'
      versioning: boolean
      logging?: boolean
      tlsOnly?: boolean
    })
  | (Known & { kind: 'security_group'; rules: SecurityRule[]; isDefault: boolean; inUse?: boolean })
  | (Known & { kind: 'network'; isDefault: boolean; flowLogs?: boolean })
  | (Known & { kind: 'image'; public: boolean; encrypted?: boolean })
  | (Known & { kind: 'address'; attached: boolean })
  | (Known & {
      /** The account's own settings in the region; `id` is the account's. */
      kind: 'account'
      disksEncryptedByDefault?: boolean
      publicSnapshotsBlocked?: boolean
      serialConsoleAllowed?: boolean
    })

export interface PostureFacet {
  /** Everything in the region that checks look at, paged to the end. */
  inventory(query: { region: string }): AsyncIterable<PostureResource>
}
