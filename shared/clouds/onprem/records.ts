import type { Architecture, CreationState, Firmware, OwnerTags } from '#shared/clouds/facets/terms.ts'
import type { SecurityRule } from '#shared/clouds/facets/networks.ts'
import type { LifecycleRule, VolumeType } from '#shared/clouds/facets/storage.ts'

/** What the provider keeps on hosts, by kind. What belongs to a machine's host lies there; what is the location's lies on its first host. */
export interface RecordKinds {
  /** Id: the machine's UUID. */
  vm: VmRecord
  /** Id: `vol-…`; the file has the same name. */
  volume: VolumeRecord
  /** Id: `snap-…`; the file has the same name. */
  snapshot: SnapshotRecord
  image: ImageRecord
  task: TaskRecord
  network: NetworkRecord
  subnet: SubnetRecord
  security_group: SecurityGroupRecord
  address: AddressRecord
  bucket: BucketRecord
  /** What only one may have: an address of a subnet (id: `<subnet>-10-0-0-4`), a hardware address on a bridge (`mac-…`). */
  lease: LeaseRecord
  /** What a VM, volume or snapshot had that is deleted, or on another host, for the bill. Id: the thing's, and when it began. */
  usage: UsageRecord
  /** Samples of a machine's counters. Id: its UUID. */
  metrics: MetricsRecord
  /** Since when a host is known. Id: its name. */
  seen: SeenRecord
  /** What was decided about a host. Id: its name; kept by the location's first host, so that it can be said of one that is down. */
  host: HostRecord
}
export type RecordKind = keyof RecordKinds

interface Owned {
  name: string
  tags: Record<string, string> | OwnerTags
  /** ISO 8601. */
  createdAt: string
}

/** What of a host is given to a VM. */
export interface Claimed {
  vcpus: number
  memoryMib: number
}

export interface VmRecord extends Owned, Claimed {
  instanceType: string
  /** It is getting another size: what it had before. What it claims is the larger of both, and `instanceType` the one before, until that is done. */
  resizing?: Claimed
  architecture: Architecture
  firmware: Firmware
  /** Ids of volumes, boot disk first, each with its device (`vda`). `own`: deleted with the VM. */
  disks: { volume: string; device: string; own: boolean }[]
  imageId?: string
  keyPair?: string
  securityGroups: string[]
  subnet?: string
  /** Private address given to it. */
  address?: string
  /** `creating` until everything is there; `deleting` once its deletion has begun; `arriving`: it is on its way here from another host. */
  phase: 'creating' | 'ready' | 'deleting' | 'arriving'
  /** It is on its way to that host. */
  moving?: { to: string }
  tenancy?: 'shared' | 'dedicated'
  detailedMonitoring?: boolean
  /** Its room on the host is its own: no other claim was in the way. Until then it may have to go to another host. */
  placed?: boolean
  /** When it was powered on and off, ISO 8601, oldest first: what its costs are reckoned from. */
  powered: { on: string; off?: string }[]
}

export interface VolumeRecord extends Owned {
  pool: string
  sizeBytes: number
  type: VolumeType
  format: 'qcow2' | 'raw'
  keyName?: string
  keyId?: string
  vm?: string
  device?: string
  /** For disks of the disk plane: how far. Undefined: an ordinary volume. */
  written?: 'open' | 'sealed'
  firmware?: Firmware
  state: 'creating' | 'available' | 'deleting' | 'error'
  /** Since when it is on this host, ISO 8601, if it came from another: what it cost before is that one's. */
  arrivedAt?: string
}

export interface SnapshotRecord extends Owned {
  volume: string
  pool: string
  sizeBytes: number
  keyName?: string
  /** The snapshot whose file its own builds on. */
  parent?: string
  state: CreationState
  /** Deleted, but others build on its file. */
  deleted?: boolean
  /** What its file takes up, by which it is billed; undefined before it is ready. */
  storedBytes?: number
  /** As of a volume. */
  arrivedAt?: string
  /** The VM that had the volume when it was taken. */
  vm?: string
  /** It is on its way here from another host, where it still is; `whole`: its file is complete, durable and proved. */
  arriving?: 'begun' | 'whole'
  /** Its VM has left for that host and it goes after it: what is here is only to be cleared away once it is there. */
  moving?: { to: string }
  error?: string
}

export interface ImageRecord extends Owned {
  state: CreationState
  architecture: Architecture
  firmware?: Firmware
  /** Boot disk first. */
  disks: { sizeBytes: number; keyName?: string }[]
  /** Files `<id>-<nr>.qcow2` by host and pool; a host without gets a copy when it needs one. */
  copies: { host: string; pool: string }[]
  /** What its VM had, or its OVA says; undefined for one that a file of a bare disk was made into. */
  hardware?: { vcpus: number; memoryMib: number }
  /** The import that makes it. */
  task?: string
  error?: string
}

export interface TaskRecord extends Owned {
  kind: 'import' | 'export'
  state: CreationState
  progressPercent?: number
  message?: string
  image?: string
  /** Of the file that an export wrote. */
  checksum?: string
  note?: string
  /** Tries that failed. */
  attempts?: number
  /** What is needed to go on with it after a crash. */
  request: unknown
}

export interface NetworkRecord extends Owned {
  kind: 'user' | 'nat' | 'bridge'
  cidr: string
  /** Of a bridge. */
  source?: string
}
export interface SubnetRecord extends Owned {
  network: string
  cidr: string
}
export interface SecurityGroupRecord extends Owned {
  description: string
  network?: string
  rules: SecurityRule[]
}
export interface AddressRecord extends Owned {
  ip: string
  vm?: string
}
export interface BucketRecord extends Owned {
  /** Of the intent that made it: the name alone does not say whose it is. */
  token: string
  versioning: boolean
  lifecycle: LifecycleRule[]
  /** Undefined: its objects are not encrypted, because the registration had no `volume_key`. */
  keyName?: string
  keyId?: string
  access: 'blocked' | 'public'
}
export interface LeaseRecord {
  vm: string
}
export type UsageRecord = Pick<Owned, 'name' | 'tags' | 'createdAt'> & {
  deletedAt: string
  /** Id of the VM, volume or snapshot. */
  resource: string
  vm?: Pick<VmRecord, 'instanceType' | 'vcpus' | 'memoryMib' | 'powered'>
  volume?: Pick<VolumeRecord, 'sizeBytes' | 'type'>
  snapshot?: Pick<SnapshotRecord, 'storedBytes'>
}
export interface MetricsRecord {
  /** Values of the last sample. */
  last: number[]
  /** See metrics/samples.ts. */
  samples: number[][]
}
export interface HostRecord {
  /** Takes no new VMs. */
  maintenance: boolean
}
export interface SeenRecord {
  /** When it was first asked what it costs, ISO 8601. */
  seenAt: string
}
