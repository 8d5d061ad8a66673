import type { Capabilities } from '#shared/clouds/operations.ts'
import type { CreateVm } from '#shared/clouds/port.ts'
import type { MachineNic, NetworkKind, VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { Found, Host } from '#shared/clouds/onprem/hosts.ts'
import type { ImageRecord, VmRecord, VolumeRecord } from '#shared/clouds/onprem/records.ts'

/** What machines need of the networks. Everything is safe to repeat. */
export interface MachineNetworks {
  /**
   * Looks up what the request names (subnet, or else the default network; security groups by id or name), before anything is made.
   * @throws CloudError `invalid_request` or `not_found` naming the field.
   */
  plan(request: Pick<CreateVm, 'region' | 'subnet' | 'securityGroups'>): Promise<NetworkPlan>
  /**
   * Gives a machine that is being made its interface: the address within its subnet (the same again for the same machine, nobody else's), the
   * network and filters on its host. `address` goes into the VM's record.
   */
  join(host: Host, vm: string, plan: NetworkPlan): Promise<{ nic: MachineNic; address?: string }>
  /** Makes forwards and filters of a machine what addresses and groups say; after its start, and after changes of what leads to it. */
  apply(host: Host, vm: string, record: VmRecord): Promise<void>
  /** Gives back what `join` gave, and takes public addresses from it. Before the VM's record is removed. */
  leave(host: Host, vm: string, record: VmRecord): Promise<void>
  /** Public addresses of a location by VM id. */
  publicAddresses(region: string): Promise<ReadonlyMap<string, string>>
}

export interface NetworkPlan {
  kind: NetworkKind
  /** Bridge that the host must have. */
  bridge?: string
  /** Id of the network, for `nat`. */
  network?: string
  subnet?: string
  cidr?: string
  /** Ids. */
  securityGroups: string[]
}

/** What machines need of images. */
export interface MachineImages {
  /** @throws CloudError `not_found`, or `conflict` if it is not ready. */
  require(region: string, image: string): Promise<Found<'image'>>
  /** Gives a host its own copy of an image's files if it has none; in the order of `record.disks`. */
  copyTo(host: Host, image: { id: string; record: ImageRecord }): Promise<VolumeRef[]>
}

/** Called before the record of a deleted VM goes: what it used is billed, its measurements can go. */
export type ForgetMachine = (host: Host, vm: string, record: VmRecord) => Promise<void>

/** The same for volumes. */
export type ForgetVolume = (host: Host, volume: string, record: VolumeRecord) => Promise<void>

/** What compute and volumes are made with. */
export interface Needs {
  capabilities: Capabilities
  networks: MachineNetworks
  images: MachineImages
  forgetMachine: ForgetMachine
  forgetVolume: ForgetVolume
}
