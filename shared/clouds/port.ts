import type { CopyManifest, DiskSink, DiskSource } from '#shared/disks/port.ts'

export type CloudType = 'aws' | 'azure' | 'gcp' | 'on-premise'

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

export type Architecture = 'x86_64' | 'arm64'
export type Firmware = 'bios' | 'uefi'

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
}

/** The one interface to every cloud. Waiting is the caller's: a call returns once the cloud has accepted it. */
export interface Cloud {
  readonly type: CloudType
  readonly identity: IdentityFacet
  readonly compute: ComputeFacet
  readonly disks: DisksFacet
  readonly inventory: InventoryFacet
  /** Closes connections. */
  close(): void
}

export interface IdentityFacet {
  /** One cheap authenticated call. Throws CloudError `auth_failed` or `forbidden`. */
  validate(): Promise<{ accountId: string; principal?: string }>
  /** Regions this account may use, with their zones. */
  regions(): Promise<{ id: string; name: string; zones: string[] }[]>
}

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
  securityGroups: string[]
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
  keyPair?: string
  securityGroups?: string[]
  /** Plain text; the adapter encodes it. */
  userData?: string
}

export interface ComputeFacet {
  /** Sizes on offer in a region. */
  sizes(region: string): Promise<InstanceSize[]>
  /**
   * Creates a VM and whatever it needs (network interface, address). Called again with the same token it returns the same VM,
   * also when the first reply was lost or the first call died half way. Called once more when the VM runs, it removes what only the
   * creating needed (AWS: the image and the imported snapshots).
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
  /** Deletes the VM, its disks, interfaces and addresses. Safe to repeat until `get` says undefined or `terminated`. */
  delete(ref: CloudRef): Promise<void>
  /** Console output so far, or undefined when the cloud has none for this VM (yet). */
  consoleOutput(ref: CloudRef): Promise<string | undefined>
}

export type CreationState = 'pending' | 'ready' | 'failed'

export interface DisksFacet {
  /** Starts a snapshot of one disk of a VM. Same token: same snapshot. */
  createSnapshot(request: Intent & { vm: CloudRef; disk: VmDisk }): Promise<CloudRef>
  snapshotState(ref: CloudRef): Promise<CreationState | undefined>
  /** Safe to repeat. */
  deleteSnapshot(ref: CloudRef): Promise<void>
  /** Opens a ready snapshot for reading (Azure: grants access; `close` revokes it). */
  openSnapshot(ref: CloudRef): Promise<DiskSource>

  /** Makes an empty, zeroed disk that waits for its bytes. Same token: same disk. */
  createDisk(
    request: Intent & {
      region: string
      zone?: string
      name: string
      sizeBytes: number
      firmware: Firmware
      architecture: Architecture
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

/** One thing in the cloud that carries our owner tags. */
export interface OwnedResource extends CloudRef {
  /** `vm`, `disk`, `snapshot`, `image`, `interface`, `address`, … */
  kind: string
  name?: string
  tags: Record<string, string>
}

export interface InventoryFacet {
  /** How long something that was just created, or whose creating call was cut off, may be missing from `owned`, in milliseconds. */
  readonly settlesMs: number
  /**
   * Everything in the region that carries all of `tags`, whichever kind, dependents first (a VM before its disk), so that removing in
   * this order works. Terminated VMs are left out. What just was created may be missing for a moment (eventual consistency).
   */
  owned(query: { region: string; tags: Record<string, string> }): AsyncIterable<OwnedResource>
  /** Deletes one. Gone already is fine; still in use throws CloudError `conflict` (retryable). */
  remove(resource: OwnedResource): Promise<void>
}
