/** Words that every facet uses. */
export type CloudType = 'aws' | 'azure' | 'gcp' | 'on-premise'

export type Architecture = 'x86_64' | 'arm64'
export type Firmware = 'bios' | 'uefi'

/** The vendor's own id of a thing and the region it is in. */
export interface CloudRef {
  region: string
  id: string
}

/** Owner tags put on everything that is created; `novacron-job` is what undo and orphan search look for. */
export interface OwnerTags {
  'novacron-tenant': string
  'novacron-job': string
  'novacron-step': string
  [tag: string]: string
}

/** What every creating call carries. */
export interface Intent {
  /** Idempotency token (a UUID), derived from job and step: the same intent always has the same token. */
  token: string
  tags: OwnerTags
}

/** How far something is that a cloud makes or does in the background. */
export type CreationState = 'pending' | 'ready' | 'failed'

/**
 * A wish for encryption at rest. Undefined leaves it to the cloud's default; `{}` demands it with a key that the cloud keeps; `keyId` is a key
 * of the user's (AWS: KMS key id or ARN; Azure: disk encryption set's or Key Vault key's id; GCP: Cloud KMS key name).
 */
export interface Encryption {
  keyId?: string
}

/** An amount of money: never a float. `amount` is a decimal string such as `0.0416`, `currency` of ISO 4217. */
export interface Money {
  amount: string
  currency: string
}
