import type { SecurityRule } from '#shared/clouds/facets/networks.ts'
import type { Architecture, Firmware } from '#shared/clouds/facets/terms.ts'
import type { HostGate } from '#shared/clouds/onprem/gate.ts'
import type { DiskSink, DiskSource } from '#shared/disks/port.ts'

/** `qemu`: QEMU over QMP, without daemon and root; `libvirt`: hosts that libvirt already runs, local or by ssh. */
export type DriverName = 'qemu' | 'libvirt'

/** What a driver is opened with, beside its own part of the settings. */
export interface HostContext {
  /** The host's name, unique within the provider; the port's zone. */
  name: string
  /** Everything that goes to the hypervisor goes through here; see gate.ts. */
  gate: HostGate
  /** Says which passphrase (in base64) a volume's `keyName` stands for; throws CloudError `invalid_request` if the registration has no such key. */
  passphrase(keyName: string): string
  /** Longest that a guest may take to shut down before its power is cut, milliseconds. */
  shutdownGraceMs: number
  /** How long a call may be silent, milliseconds; long operations (copies, backups) have no limit but must progress. */
  requestTimeoutMs: number
}

/**
 * One hypervisor host. The provider above it (placement, tags, images, tokens) is the same for all drivers; a driver knows machines, image
 * files and networks of one host, and keeps the provider's records there. Nothing here remembers anything in the process: every method works
 * in a control plane that was started a moment ago, and several processes use a host at the same time.
 * Methods throw CloudError (through the gate).
 */
export interface HypervisorHost {
  readonly name: string
  readonly driver: DriverName
  facts(): Promise<HostFacts>
  readonly records: HostRecords
  readonly machines: HostMachines
  readonly volumes: HostVolumes
  readonly networks: HostNetworks
  /** Closes connections of this process; guests go on. */
  close(): void
}

export interface HostFacts {
  /** E.g. `QEMU 7.2.22`, `libvirt 9.0.0 with QEMU 7.2.22`. */
  hypervisor: string
  /** Of the machine itself, before any over-commit. */
  cpus: number
  memoryMib: number
  architectures: Architecture[]
  firmwares: Firmware[]
  /** How guests run, found by booting one; `reason` says why it is emulation. */
  acceleration: { kind: 'kvm' | 'tcg'; reason: string }
  networkKinds: NetworkKind[]
  /** What guests can be given more of while they run. */
  growing: { vcpus: boolean; memory: boolean }
  /** What enforces the rules of security groups; `forwards`: only that nothing else is forwarded to a guest (user-mode networks). */
  filter: 'forwards' | 'nftables' | 'nwfilter'
}

/**
 * The provider's own records, kept on the host: small JSON documents by kind and id. Writing is atomic and durable.
 * `kind` is one of ours (`volume`, `network` …); `id` is made by us (letters, digits, dashes).
 */
export interface HostRecords {
  get(kind: string, id: string): Promise<unknown>
  list(kind: string): Promise<{ id: string; body: unknown }[]>
  /** Adds or replaces. */
  put(kind: string, id: string, body: unknown): Promise<void>
  /** Adds; false, and nothing done, if it is there already. */
  insert(kind: string, id: string, body: unknown): Promise<boolean>
  /** Gone already is fine. */
  remove(kind: string, id: string): Promise<void>
}

/** An image file in a storage pool of a host. `name` is made by us: letters, digits, dashes and dots. */
export interface VolumeRef {
  pool: string
  name: string
  format: 'qcow2' | 'raw'
  /** Encrypted by LUKS with what this name stands for; undefined is not encrypted. Files that build on each other share one key. */
  keyName?: string
}

export interface MachineDisk {
  volume: VolumeRef
  /** `vda`, `vdb` … in the order of the guest. */
  device: string
  readOnly?: boolean
}

export interface MachineNic {
  /** `52:54:00:…` */
  mac: string
  kind: NetworkKind
  /** Bridge, or the id of a NAT network made by HostNetworks; unused for `user`. */
  source?: string
  /** For `user`: the range its built-in router and DHCP serve, and the address that the guest is to get. */
  cidr?: string
  address?: string
  /** Ids of security groups whose filter (HostNetworks.setFilter) binds this interface. */
  filters: string[]
  /** For `user`: connections to this host that lead to the guest. */
  forwards: Forward[]
}

/** A port of the host (on one of its addresses) that leads to a port of the guest. */
export interface Forward {
  protocol: 'tcp' | 'udp'
  hostAddress: string
  hostPort: number
  guestPort: number
}

export interface MachineSpec {
  /** UUID; also the guest's SMBIOS UUID, by which a running one is found again. */
  id: string
  name: string
  vcpus: number
  memoryMib: number
  /** How far they can grow without a stop; equal where that is not wanted. */
  maxVcpus: number
  maxMemoryMib: number
  architecture: Architecture
  firmware: Firmware
  /** Boot disk first. */
  disks: MachineDisk[]
  /** cloud-init's NoCloud seed: a small raw image, attached read-only. */
  seed?: VolumeRef
  nics: MachineNic[]
}

/** `saved`: suspended, its memory kept on disk. `paused`: stands still but is in memory. `crashed`: ended otherwise than by us or its own power-off. */
export type MachineState = 'running' | 'paused' | 'stopped' | 'saved' | 'crashed'

export interface MachineStatus {
  id: string
  state: MachineState
  /** It has moved to that host and runs there; what is here is only to be cleared away. */
  leftFor?: string
}

/** Counters since the machine's start, and what it uses now. */
export interface MachineStats {
  atMs: number
  cpuTimeMs: number
  memoryUsedMib?: number
  diskReadBytes: number
  diskWriteBytes: number
  diskReadOps: number
  diskWriteOps: number
  networkInBytes?: number
  networkOutBytes?: number
}

export interface HostMachines {
  /** Writes down what a machine is. Again with other values changes it; not while it is running. */
  define(spec: MachineSpec): Promise<void>
  spec(id: string): Promise<MachineSpec | undefined>
  list(): Promise<MachineStatus[]>
  status(id: string): Promise<MachineStatus | undefined>
  /** Running already is fine. A saved one goes on where it was. Resolves when it runs. */
  start(id: string): Promise<void>
  /** Guest agent, else ACPI (sent again and again), else power cut after the grace. Resolves when it is stopped. Stopped already is fine. */
  shutdown(id: string): Promise<void>
  /** Cuts the power. Stopped already is fine. */
  powerOff(id: string): Promise<void>
  /** By the guest agent where it answers, else as by the reset button. */
  restart(id: string): Promise<void>
  /** Keeps the memory on disk and ends the machine. @throws CloudError `unsupported` saying why this one cannot. */
  suspend(id: string): Promise<void>
  /** Removes the machine and all that is the machine's (process, sockets, console, saved memory), but not its volumes. It is stopped first. Gone is fine. */
  undefine(id: string): Promise<void>
  /**
   * Changes vCPUs and memory, at once where the running guest takes part. It goes by what the running machine has, not by what is written down: a
   * call that was cut off is finished by the same one, or taken back by one with the size before. False: it must be stopped for that (nothing was
   * changed).
   */
  resize(id: string, size: { vcpus: number; memoryMib: number }): Promise<boolean>
  /** While it runs or is stopped. Attached already is fine. */
  attachDisk(id: string, disk: MachineDisk): Promise<void>
  detachDisk(id: string, device: string): Promise<void>
  /** Makes the forwards of the first interface exactly these, while it runs or is stopped. */
  setForwards(id: string, forwards: Forward[]): Promise<void>
  /** What the serial console printed since the last start, at most its last 64 KiB; undefined before the first. */
  console(id: string): Promise<string | undefined>
  /** Undefined while it does not run. */
  stats(id: string): Promise<MachineStats | undefined>
  /** Addresses that the guest has, as its agent or a DHCP lease tells; empty where nothing does. */
  addresses(id: string): Promise<string[]>
  /**
   * Moves the running machine with its disks to another host of the same driver, without stopping it for longer than `maxDowntimeMs` (else
   * it stays, CloudError `conflict`). Afterwards the machine is defined and runs there, and is gone here with its volumes. Called again after a
   * crash it finishes or starts over; never do two run.
   */
  migrateLive(id: string, to: HypervisorHost, options: LiveMigration): Promise<LiveMigrationResult>
}

export interface LiveMigration {
  /** Where the volumes of its disks go, in order. */
  volumes: VolumeRef[]
  maxDowntimeMs: number
  onProgress?: (done: number, total: number) => void
}

export interface LiveMigrationResult {
  /** How long the guest stood still, as the hypervisor tells. */
  downtimeMs: number
  memoryBytes: number
  diskBytes: number
}

export interface VolumeFacts {
  name: string
  format: 'qcow2' | 'raw'
  sizeBytes: number
  allocatedBytes: number
  encrypted: boolean
  /** The file that it builds on. */
  backing?: string
}

export interface PoolFacts {
  name: string
  totalBytes: number
  freeBytes: number
}

export interface HostVolumes {
  pools(): Promise<PoolFacts[]>
  list(pool: string): Promise<VolumeFacts[]>
  get(ref: VolumeRef): Promise<VolumeFacts | undefined>
  /** An empty volume; with `backing`, its content from then on. There already with that size is fine. */
  create(ref: VolumeRef, wishes: { sizeBytes: number; backing?: VolumeRef }): Promise<void>
  /** A volume of its own with the content of another (whatever that builds on); `sizeBytes` larger grows it. A half-made one is made anew. */
  copy(from: VolumeRef, to: VolumeRef, wishes?: { sizeBytes?: number }): Promise<void>
  /** Grows it, also under a running machine. That size already is fine. */
  resize(ref: VolumeRef, sizeBytes: number, machine?: string): Promise<void>
  /** Gone already is fine. In use throws CloudError `conflict`. */
  delete(ref: VolumeRef): Promise<void>
  /** Writes a small raw volume whole (a seed), also over an earlier one. */
  writeFile(ref: VolumeRef, content: Buffer): Promise<void>
  /**
   * Opens a volume that no machine runs on for reading. With `since`, a volume that it builds on (through others perhaps), only what was
   * written after that is listed.
   */
  openSource(ref: VolumeRef, options?: { since?: VolumeRef }): Promise<DiskSource>
  /** Opens a volume that no machine runs on for writing. What `write` has resolved for survives a killed server (flushed). */
  openSink(ref: VolumeRef): Promise<DiskSink>
  /**
   * Copies the content that `volume` has at this moment to `target`, also while `machine` runs on it (as if its power had failed, or quiesced by
   * the guest agent where that answers). From then on what changes is tracked under the mark `target.name`. With `since`, an earlier backup
   * whose mark is still tracked, only what changed is copied and `target` builds on it; if the mark is lost it is a full copy.
   * Called again for the same target it starts over, or is done. Resolves when `target` is durable.
   */
  backup(
    volume: VolumeRef,
    target: VolumeRef,
    options: { machine?: string; since?: VolumeRef; onProgress?: (done: number, total: number) => void },
  ): Promise<{ incremental: boolean; copiedBytes: number }>
  /** Stops tracking changes since a backup. Not tracked is fine. */
  forgetMark(volume: VolumeRef, mark: string, machine?: string): Promise<void>
}

/** `user`: each machine behind a router of its own, reachable by forwards; `nat`: a network of the host's; `bridge`: one of the host's bridges. */
export type NetworkKind = 'user' | 'nat' | 'bridge'

export interface HostNetworks {
  /** Bridges of the host that machines may join. */
  bridges(): Promise<string[]>
  /** Makes a NAT network with DHCP. There already is fine. @throws CloudError `unsupported` where the host offers none. */
  createNat(id: string, wishes: { name: string; cidr: string }): Promise<void>
  removeNat(id: string): Promise<void>
  natNetworks(): Promise<string[]>
  /** Makes a security group's rules exactly these on this host, for interfaces that name it in `filters`. */
  setFilter(groupId: string, rules: SecurityRule[]): Promise<void>
  removeFilter(groupId: string): Promise<void>
}
