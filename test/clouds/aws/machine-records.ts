import type { Life } from '#test/clouds/core/clock.ts'

// What the loopback keeps of machines and their disks; of networks see network-records.ts.

export type InstanceState = 'pending' | 'running' | 'stopping' | 'stopped' | 'shutting-down' | 'terminated'

export interface Tagged {
  id: string
  /** Order of creation over the whole cloud, for paging. */
  seq: number
  tags: Map<string, string>
}

export type AttachmentState = 'attaching' | 'attached' | 'detaching' | 'detached'

export interface Device {
  device: string
  volumeId: string
  deleteOnTermination: boolean
  attachedAt: Date
  life: Life<AttachmentState>
}

export interface Instance extends Tagged {
  zone: string
  life: Life<InstanceState>
  type: string
  imageId: string
  reservationId: string
  clientToken: string
  keyName: string | undefined
  groups: string[]
  subnetId: string
  architecture: string
  bootMode: string | undefined
  runsIn: 'legacy-bios' | 'uefi'
  enaSupport: boolean
  rootDevice: string
  devices: Device[]
  launchedAt: Date
  privateIp: string
  publicIp: string | undefined
  protectedFromTermination: boolean
  interfaceId: string
  spot: boolean
  tenancy: 'default' | 'dedicated' | 'host'
  placementGroup: string | undefined
  detailedMonitoring: boolean
  /** Prepared for hibernation at its launch. */
  canHibernate: boolean
  /** Why it is stopped or going, as `stateReason` says it. */
  reason: { code: string; message: string } | undefined
}

export interface Volume extends Tagged {
  zone: string
  sizeGib: number
  type: string
  snapshotId: string | undefined
  createdAt: Date
  /** Resolves once its bytes are there. */
  filled: Promise<unknown>
  attachedTo: string | undefined
  life: Life<'creating' | 'available'>
  iops: number | undefined
  encrypted: boolean
  kmsKeyId: string | undefined
  modification: Modification | undefined
  /** When changes were begun, for the limit on them. */
  modifiedAtMs: number[]
}

export type ModificationState = 'modifying' | 'optimizing' | 'completed'

export interface Modification {
  from: { sizeGib: number; type: string; iops: number | undefined }
  to: { sizeGib: number; type: string; iops: number | undefined }
  startedAt: Date
  life: Life<ModificationState>
}

/** `copying` and `sealing` are shown as `pending`; `open` too, and takes blocks. */
export type SnapshotState = 'copying' | 'open' | 'sealing' | 'completed' | 'error'

export interface Snapshot extends Tagged {
  /** Key of its bytes in the disk store. */
  diskId: string
  ownerId: string
  volumeId: string
  sizeGib: number
  description: string
  startedAt: Date
  encrypted: boolean
  kmsKeyId: string | undefined
  /** Those that share its volume, or its chain of parents, can be compared. */
  lineage: string
  life: Life<SnapshotState>
  /** Imported ones: the digest of each block that was put. */
  written: Map<number, Buffer> | undefined
  /** Its allocated blocks, once they cannot change any more. */
  allocated: Promise<number[]> | undefined
}

export interface Mapping {
  device: string
  snapshotId: string
  sizeGib: number
  type: string
  deleteOnTermination: boolean
}

export interface Image extends Tagged {
  name: string
  description: string
  ownerId: string
  public: boolean
  architecture: string
  bootMode: string | undefined
  enaSupport: boolean
  rootDevice: string
  mappings: Mapping[]
  createdAt: Date
  /** Of one that takes time; undefined is available. */
  life?: Life<'pending' | 'available'>
}
