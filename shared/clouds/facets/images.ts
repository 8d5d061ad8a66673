import type { VmDisk } from '#shared/clouds/facets/compute.ts'
import type { Architecture, CloudRef, CreationState, Firmware, Intent } from '#shared/clouds/facets/terms.ts'

export type ImageFormat = 'raw' | 'vhd' | 'vhdx' | 'vmdk' | 'qcow2' | 'ova'

export interface CloudImage extends CloudRef {
  name: string
  state: CreationState
  architecture: Architecture
  firmware?: Firmware
  /** Of its boot disk. */
  sizeBytes?: number
  /** What the VM had that it was made of, or what its OVA says: a hint for a size, where the cloud keeps it. */
  hardware?: MachineHardware
  /** Everybody may use it. */
  public: boolean
  tags: Record<string, string>
  createdAt?: Date
}

/** The size of a machine. */
export interface MachineHardware {
  vcpus: number
  memoryMib: number
}

/** An object in a bucket of the provider's own object storage. */
export interface ObjectRef {
  region: string
  bucket: string
  key: string
}

/** Something that the vendor's own service does in the background. `id` is all that is needed to ask for it again. */
export interface TaskState {
  state: CreationState
  /** 0 to 100, where the vendor tells. */
  progressPercent?: number
  /** Why it failed, or what it is doing, in the vendor's words. */
  message?: string
  /** What came of it: the image of an import; undefined for an export. */
  image?: CloudRef
  /** Of the file that an export wrote, where the service tells it: an algorithm such as `sha256`, a colon, the digest in hexadecimal. */
  checksum?: string
  /** What whoever uses the result should know. */
  note?: string
}

/** Machine images, and files of them through the vendor's own import and export services. */
export interface ImagesFacet {
  /** Formats of files that the vendor's service takes and gives. */
  readonly formats: { import: readonly ImageFormat[]; export: readonly ImageFormat[] }
  /** This account's images, paged to the end. */
  list(query: { region: string }): AsyncIterable<CloudImage>
  get(ref: CloudRef): Promise<CloudImage | undefined>
  /** Starts an image of a VM with all its disks. The VM should be stopped: a running one is imaged as if its power had failed. */
  createFromVm(request: Intent & { vm: CloudRef; disks: VmDisk[]; name: string }): Promise<CloudRef>
  /** Starts the import of a file as an image. @throws CloudError `unsupported` for a format that the service does not take. */
  importFile(
    request: Intent & {
      source: ObjectRef
      format: ImageFormat
      name: string
      architecture: Architecture
      firmware: Firmware
    },
  ): Promise<CloudRef>
  /** Starts the export of an image to a file. The bucket must exist. */
  exportFile(request: Intent & { image: CloudRef; format: ImageFormat; target: ObjectRef }): Promise<CloudRef>
  /** How far an import or export is, by the id that starting it gave; undefined if the vendor does not know it. */
  taskState(task: CloudRef): Promise<TaskState | undefined>
  /** Deletes the image with the snapshots it is made of. Safe to repeat. */
  delete(ref: CloudRef): Promise<void>
}
