import type { CloudVm, VmDisk } from '#shared/clouds/facets/compute.ts'
import type {
  Architecture,
  CloudRef,
  CreationState,
  Encryption,
  Firmware,
  Intent,
} from '#shared/clouds/facets/terms.ts'
import type { CopyManifest, DiskSink, DiskSource } from '#shared/disks/port.ts'

export interface CloudSnapshot extends CloudRef {
  name: string
  state: CreationState
  /** Of the disk that it is of. */
  sizeBytes: number
  /** Vendor's id of the volume or disk, as far as the cloud remembers it. */
  disk?: string
  encrypted: boolean
  tags: Record<string, string>
  createdAt?: Date
}

/** The disk plane: snapshots that are read, disks that are written. */
export interface DisksFacet {
  /** Starts a snapshot of one disk of a VM, or of an unattached volume if `vm` is left out. Same token: same snapshot. */
  createSnapshot(
    request: Intent & {
      region: string
      vm?: Pick<CloudVm, 'id' | 'region' | 'zone'>
      disk: Pick<VmDisk, 'id' | 'sizeBytes'>
      name?: string
    },
  ): Promise<CloudRef>
  snapshotState(ref: CloudRef): Promise<CreationState | undefined>
  getSnapshot(ref: CloudRef): Promise<CloudSnapshot | undefined>
  /** This account's snapshots, paged to the end. */
  listSnapshots(query: { region: string }): AsyncIterable<CloudSnapshot>
  /** Safe to repeat. */
  deleteSnapshot(ref: CloudRef): Promise<void>
  /** Opens a ready snapshot for reading (Azure: grants access; `close` revokes it). */
  openSnapshot(ref: CloudRef): Promise<DiskSource>
  /**
   * Opens a ready snapshot for reading, with only those extents listed that may differ from `base`, an earlier snapshot of the same disk.
   * A listed extent may read as zero: it was cleared since. @throws CloudError `unsupported` where the capabilities say so.
   */
  openChanges(base: CloudRef, ref: CloudRef): Promise<DiskSource>

  /**
   * Makes an empty, zeroed disk that waits for its bytes. Same token: same disk. With `parent`, a sealed disk of this facet, it begins as that
   * disk's content instead and only what differs needs to be written (see capability `disks.write_delta`).
   */
  createDisk(
    request: Intent & {
      region: string
      zone?: string
      name: string
      sizeBytes: number
      firmware: Firmware
      architecture: Architecture
      encryption?: Encryption
      parent?: CloudRef
    },
  ): Promise<CloudRef>
  /** Opens it for writing, also for the second time after a crash. */
  openDiskForWrite(ref: CloudRef): Promise<DiskSink>
  /** Ends the writing (EBS CompleteSnapshot; Azure: footer and revoke). Safe to repeat. Resolves when the disk is usable. */
  sealDisk(ref: CloudRef, manifest: CopyManifest): Promise<void>
  /** Opens a sealed, unattached disk for reading, to prove its bytes. */
  openDisk(ref: CloudRef): Promise<DiskSource>
  /** Safe to repeat, in any state of the disk. */
  deleteDisk(ref: CloudRef): Promise<void>
}
