import type { Architecture, CloudRef, Encryption, Firmware, Intent } from '#shared/clouds/facets/terms.ts'

/** States of a VM, ours and not a vendor's; each adapter maps its own to these. */
export type VmState =
  | 'pending'
  | 'running'
  | 'stopping'
  | 'stopped'
  | 'terminating'
  | 'terminated'
  | 'suspended'
  | 'error'

export interface InstanceSize {
  name: string
  vcpus: number
  memoryMib: number
  architectures: Architecture[]
  firmwares: Firmware[]
  burstable: boolean
  gpus: number
}

export interface VmDisk {
  /** Vendor's id of the volume or disk. */
  id: string
  sizeBytes: number
  boot: boolean
  /** Vendor's name of the attachment point (`/dev/xvda`, a LUN), for the order of data disks. */
  device: string
}

export type Tenancy = 'shared' | 'dedicated'

export interface CloudVm extends CloudRef {
  name: string
  state: VmState
  zone?: string
  instanceType: string
  architecture: Architecture
  firmware?: Firmware
  publicIp?: string
  privateIp?: string
  imageId?: string
  keyPair?: string
  /** Vendor's ids. */
  securityGroups: string[]
  /** Vendor's id of the subnet. */
  subnet?: string
  /** Bought at the spot price, so it can be taken away. */
  spot?: boolean
  tenancy?: Tenancy
  placementGroup?: string
  /** Metrics every minute where the cloud's default is every five. */
  detailedMonitoring?: boolean
  tags: Record<string, string>
  /** Boot disk first. */
  disks: VmDisk[]
  createdAt?: Date
}

export interface CreateVm extends Intent {
  region: string
  zone?: string
  name: string
  instanceType: string
  /**
   * `image`: a vendor image id; undefined takes the cloud's default Linux image.
   * `disks`: sealed disks made by this provider (see DisksFacet), boot disk first; they belong to the VM from then on.
   */
  boot:
    | { image: string | undefined; diskGib?: number }
    | { disks: CloudRef[]; firmware: Firmware; architecture: Architecture }
  /** Name of a key pair that the cloud keeps; or a public key in OpenSSH's form where the cloud takes keys with the VM (Azure, GCP). */
  keyPair?: string
  /** Vendor's ids, or names. */
  securityGroups?: string[]
  /** Vendor's id; undefined is the registration's, else the default one. */
  subnet?: string
  /** Plain text; the adapter encodes it. */
  userData?: string
  /** Buys at the spot price. `maxHourlyPrice`: US dollars, a decimal string; undefined is the on-demand price. */
  spot?: { maxHourlyPrice?: string }
  /** Default `shared`. */
  tenancy?: Tenancy
  /** One that exists: AWS its name, Azure the id of a proximity placement group, GCP the name of a resource policy. */
  placementGroup?: string
  detailedMonitoring?: boolean
  /** Of all disks that are made for the VM. */
  encryption?: Encryption
}

/** Changes of tags: `set` adds or overwrites, `remove` takes away. Owner tags are left alone. */
export interface TagChange {
  set: Record<string, string>
  remove: string[]
}

export interface ComputeFacet {
  /** Sizes on offer in a region. */
  sizes(region: string): Promise<InstanceSize[]>
  /**
   * The size that a name of the form `custom-<vcpus>-<MiB>` (GCP: also `n2-custom-4-8192` and the like) says; undefined for a name of another form.
   * It is created and resized to by that name.
   * @throws CloudError `unsupported` where the capabilities say so, `invalid_request` naming `instance_type` for numbers that the cloud does not take.
   */
  customSize(region: string, name: string): Promise<InstanceSize | undefined>
  /**
   * Creates a VM and whatever it needs (network interface, address). Called again with the same token it returns the same VM,
   * also when the first reply was lost or the first call died half way. Called once more when the VM runs, it removes what only the
   * creating needed (AWS: the image and the imported snapshots).
   * @throws CloudError `unsupported` for a wish that the capabilities say is lacking, before anything is made.
   */
  create(request: CreateVm): Promise<CloudVm>
  /** The VM, or undefined if the cloud says it does not exist. */
  get(ref: CloudRef): Promise<CloudVm | undefined>
  /** All VMs, paged to the end; terminated ones included while the cloud still lists them. */
  list(query: { region?: string }): AsyncIterable<CloudVm>
  start(ref: CloudRef): Promise<void>
  /** Stops and releases the compute (Azure: deallocates). A stopped VM is left as it is. */
  stop(ref: CloudRef): Promise<void>
  restart(ref: CloudRef): Promise<void>
  /** Keeps the memory and stops paying for the compute (AWS: hibernates). `get` says `suspended` when done. @throws CloudError `unsupported` saying why this VM cannot. */
  suspend(ref: CloudRef): Promise<void>
  /** Lets a suspended VM go on. */
  resume(ref: CloudRef): Promise<void>
  /**
   * Changes the size of a stopped VM; with `live` also of one that runs, which goes on running. Already of that size is fine. A call that was cut
   * off is finished by the same one, and taken back by one with the size before; until then `get` tells the size before.
   * @throws CloudError `conflict` if it is not stopped; with `live` (permanent) if it must be stopped for that, and then nothing was changed;
   * `unsupported` for `live` where the cloud needs a stop.
   */
  resize(ref: CloudRef, instanceType: string, options?: { live?: boolean }): Promise<void>
  setTags(ref: CloudRef, change: TagChange): Promise<void>
  /**
   * Puts an unattached volume in the place of one of the VM's disks, at the same device; the VM must be stopped. The disk that was there stays,
   * unattached. Safe to repeat; in reverse it is its own undo.
   */
  swapDisk(ref: CloudRef, swap: { disk: VmDisk; replacement: CloudRef }): Promise<void>
  /** Deletes the VM, its disks, interfaces and addresses. Safe to repeat until `get` says undefined or `terminated`. */
  delete(ref: CloudRef): Promise<void>
  /** Console output so far, or undefined when the cloud has none for this VM (yet). */
  consoleOutput(ref: CloudRef): Promise<string | undefined>
}
