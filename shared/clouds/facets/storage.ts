import type { CloudRef, Encryption, Intent } from '#shared/clouds/facets/terms.ts'

/** `standard`: magnetic or the cheapest; `ssd`: general purpose; `premium`: provisioned or guaranteed speed. */
export type VolumeType = 'standard' | 'ssd' | 'premium'

export interface CloudVolume extends CloudRef {
  name: string
  zone?: string
  sizeBytes: number
  state: 'creating' | 'available' | 'in_use' | 'deleting' | 'error'
  type: VolumeType
  /** The vendor's own word for the type, e.g. `gp3`. */
  vendorType: string
  encrypted: boolean
  /** The key that encrypts it, if it is not the cloud's own. */
  keyId?: string
  /** Vendor's id of the VM it is attached to, and where. */
  vm?: string
  device?: string
  tags: Record<string, string>
  createdAt?: Date
}

export interface VolumesFacet {
  /** All volumes (disks), attached or not, paged to the end. */
  list(query: { region: string }): AsyncIterable<CloudVolume>
  get(ref: CloudRef): Promise<CloudVolume | undefined>
  /**
   * An empty volume, or one with the content of a snapshot. Encrypted on every cloud. `zone`: that of the VM which it is for, where the two must share
   * one. Left out, it is made where VMs that name no zone are: in the one zone or host that the registration or the snapshot says, else in one of
   * the region's zones by the token (AWS, GCP), in no zone (Azure), or on the host with the most room (on-premise).
   */
  create(
    request: Intent & {
      region: string
      zone?: string
      name: string
      sizeGib: number
      type: VolumeType
      snapshot?: CloudRef
      encryption?: Encryption
    },
  ): Promise<CloudRef>
  /** Grows it; no cloud can shrink one. Already of that size is fine. */
  resize(ref: CloudRef, sizeGib: number): Promise<void>
  /** Attaches it as a data disk that outlives the VM. Attached there already is fine; elsewhere throws CloudError `conflict`. */
  attach(ref: CloudRef, vm: CloudRef): Promise<void>
  /** Not attached is fine. */
  detach(ref: CloudRef): Promise<void>
  /** Safe to repeat; attached throws CloudError `conflict`. */
  delete(ref: CloudRef): Promise<void>
}

/** What becomes of objects with time. Days count from an object's creation. */
export interface LifecycleRule {
  id: string
  /** Objects whose key begins so; empty is all. */
  prefix: string
  /** To the cloud's class for what is read rarely, and to the one for what is hardly ever read. */
  coolAfterDays?: number
  archiveAfterDays?: number
  expireAfterDays?: number
}

export interface CloudBucket extends CloudRef {
  /** The name is the id (Azure: `account/container`). */
  name: string
  encrypted: boolean
  keyId?: string
  versioning: boolean
  /** `blocked`: cannot be made public; `private`: is not; `public`: anybody can read. */
  access: 'blocked' | 'private' | 'public'
  lifecycle: LifecycleRule[]
  tags: Record<string, string>
  createdAt?: Date
}

export interface BucketsFacet {
  list(query: { region: string }): AsyncIterable<CloudBucket>
  get(ref: CloudRef): Promise<CloudBucket | undefined>
  /** Encrypted, not public and not to be made so. A name that somebody else has throws CloudError `conflict` with the remedy. */
  create(
    request: Intent & {
      region: string
      name: string
      versioning: boolean
      lifecycle: LifecycleRule[]
      encryption?: Encryption
    },
  ): Promise<CloudRef>
  /** Makes the rules exactly these. */
  setLifecycle(ref: CloudRef, rules: LifecycleRule[]): Promise<void>
  /** Safe to repeat. One that holds objects throws CloudError `conflict`, unless `withObjects`. */
  delete(ref: CloudRef, options: { withObjects: boolean }): Promise<void>
}

export interface CloudObject {
  key: string
  sizeBytes: number
  modifiedAt: Date
  /** Of its bytes, where the cloud's listing tells one: `md5:` or `crc32c:`, and the digest in hexadecimal. */
  checksum?: string
}

export interface ObjectsFacet {
  list(bucket: CloudRef, query: { prefix: string }): AsyncIterable<CloudObject>
  /** Writes an object of exactly `sizeBytes`; its bytes are checked with the vendor's checksum. Memory stays flat. */
  write(
    bucket: CloudRef,
    object: { key: string; sizeBytes: number; body: AsyncIterable<Buffer> },
  ): Promise<void>
  /** The bytes from `offset`, to the end or `length` of them. */
  read(bucket: CloudRef, object: { key: string; offset?: number; length?: number }): AsyncIterable<Buffer>
  /** Safe to repeat. */
  delete(bucket: CloudRef, key: string): Promise<void>
}

/** Block and object storage. */
export interface StorageFacet {
  readonly volumes: VolumesFacet
  readonly buckets: BucketsFacet
  readonly objects: ObjectsFacet
}
