import type { VmDisk } from '#shared/clouds/facets/compute.ts'
import type { ImageFormat, ObjectRef } from '#shared/clouds/facets/images.ts'
import type { SecurityRule } from '#shared/clouds/facets/networks.ts'
import type { LifecycleRule, VolumeType } from '#shared/clouds/facets/storage.ts'
import type { Architecture, CloudRef, Encryption, Firmware } from '#shared/clouds/facets/terms.ts'

/** What the API submits to have a resource made, by kind; sizes in GiB where they are so named, else bytes. */
export interface ResourceSpecs {
  network: { cidr: string; subnets: SubnetSpec[] }
  subnet: { network: CloudRef; cidr: string; zone?: string }
  security_group: { network?: CloudRef; description: string; rules: SecurityRule[] }
  address: Record<string, never>
  volume: {
    sizeGib: number
    type: VolumeType
    zone?: string
    snapshot?: CloudRef
    encryption?: Encryption
  }
  /** Of all disks of a VM, or of one volume. */
  snapshot: { vm: CloudRef; vmId: string } | { volume: CloudRef }
  image: { vm: CloudRef; vmId: string }
  bucket: { versioning: boolean; lifecycle: LifecycleRule[]; encryption?: Encryption }
}

/** A subnet that is made with its network; `resource_id` is our id of it. */
export interface SubnetSpec {
  resource_id: string
  name: string
  cidr: string
  zone?: string
}

/** Whereabouts of a resource: our id, its provider and region. */
export interface ResourcePlace {
  resource_id: string
  provider_id: string
  region: string
}

export interface CreateResourceInput<Spec> extends ResourcePlace {
  name: string
  tags: Record<string, string>
  spec: Spec
}

/** What a change or deletion of a resource is submitted with. */
export interface ChangeResourceInput extends ResourcePlace {
  /** The cloud's own id; null for one that was never made. */
  cloud_id: string | null
  /** What our row knew of it, e.g. a subnet's network or the parts of a VM's snapshot. */
  observed: Record<string, unknown>
}

/** A VM that a change concerns. */
export interface ConcernedVm {
  vm_id: string
  ref: CloudRef
}

export interface ImportImageInput extends CreateResourceInput<{
  source: ObjectRef
  format: ImageFormat
  architecture: Architecture
  firmware: Firmware
}> {}

export interface ExportImageInput extends ChangeResourceInput {
  format: ImageFormat
  target: ObjectRef
}

export interface RestoreInput extends ResourcePlace {
  /** Our id of the VM, and the cloud's. */
  vm_id: string
  cloud_vm_id: string
  parts: SnapshotPart[]
  /** The replaced disks stay, unattached. */
  keep_disks: boolean
}

/** One disk's share of a snapshot. */
export interface SnapshotPart {
  /** The cloud's id of the snapshot. */
  id: string
  /** The disk that it is of. */
  disk: Pick<VmDisk, 'id' | 'sizeBytes'> & Partial<Pick<VmDisk, 'boot' | 'device'>>
}
