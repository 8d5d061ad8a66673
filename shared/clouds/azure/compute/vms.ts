import type { Disk, VirtualMachine } from '@azure/arm-compute'
import type { NetworkInterface, PublicIPAddress } from '@azure/arm-network'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { unusableKeyComment } from '#shared/clouds/azure/compute/keys.ts'
import { diskType } from '#shared/clouds/azure/disks/targets.ts'
import { architectureOf, firmwareOf, vmState } from '#shared/clouds/azure/mapping.ts'
import { canonicalId, parseArmId, type ArmId } from '#shared/clouds/azure/names.ts'
import { nicType } from '#shared/clouds/azure/networks/ids.ts'
import { describeInterface } from '#shared/clouds/azure/networks/interfaces.ts'
import { shownName } from '#shared/clouds/azure/tags.ts'
import type { CloudRef, CloudVm, VmDisk } from '#shared/clouds/port.ts'

export const vmType = 'Microsoft.Compute/virtualMachines'

/** Where a VM is; bare names mean the provider's own resource group. */
export const vmTarget = ({ settings }: AzureClient, ref: CloudRef): ArmId =>
  parseArmId(ref.id, {
    subscription: settings.subscriptionId,
    group: settings.resourceGroup,
    type: vmType,
    name: '',
  })

/** A VM with what its description leaves out: exact disk sizes and addresses. Undefined if it does not exist. */
export async function readVm(client: AzureClient, ref: CloudRef): Promise<CloudVm | undefined> {
  const { group, name } = vmTarget(client, ref)
  const vm = await client.find('VirtualMachines_Get', () =>
    client.compute.virtualMachines.get(group, name, { expand: 'instanceView' }),
  )
  if (!vm) return undefined
  const [disks, nics] = await Promise.all([
    byId(diskIds(vm).map((id) => findDisk(client, id))),
    byId(interfaceIds(vm).map((id) => findInterface(client, id))),
  ])
  return toCloudVm(vm, { disks, nics, addresses: new Map() })
}

/** The VM as Azure describes it. @throws CloudError `not_found`. */
export async function getVm(client: AzureClient, { group, name }: ArmId): Promise<VirtualMachine> {
  return client.call('VirtualMachines_Get', () =>
    client.compute.virtualMachines.get(group, name, { expand: 'instanceView' }),
  )
}

/** All VMs of the subscription, of one region if named. Disks and addresses come from four listings, not from calls per VM. */
export async function* listVms(client: AzureClient, region: string | undefined): AsyncIterable<CloudVm> {
  const { compute, network } = client
  const listings = [
    index(client.pages('Disks_List', () => compute.disks.list())),
    index(client.pages('NetworkInterfaces_ListAll', () => network.networkInterfaces.listAll())),
    index(client.pages('PublicIPAddresses_ListAll', () => network.publicIPAddresses.listAll())),
    index(
      client.pages('VirtualMachines_ListAll', () => compute.virtualMachines.listAll({ statusOnly: 'true' })),
    ),
  ] as const
  // Also when one fails: a list that goes on unseen would spend calls for nobody.
  await Promise.allSettled(listings)
  const [disks, nics, addresses, views] = await Promise.all(listings)
  for await (const vm of client.pages('VirtualMachines_ListAll', () => compute.virtualMachines.listAll())) {
    if (region !== undefined && vm.location !== region) continue
    const instanceView = views.get(vm.id?.toLowerCase() ?? '')?.instanceView
    yield toCloudVm({ ...vm, ...(instanceView ? { instanceView } : {}) }, { disks, nics, addresses })
  }
}

/** Managed disks of a VM, boot disk first. */
export const diskIds = ({ storageProfile }: VirtualMachine): string[] =>
  [storageProfile?.osDisk, ...(storageProfile?.dataDisks ?? [])].flatMap(
    (disk) => disk?.managedDisk?.id ?? [],
  )

export const interfaceIds = ({ networkProfile }: VirtualMachine): string[] =>
  (networkProfile?.networkInterfaces ?? []).flatMap(({ id }) => id ?? [])

export function findInterface(client: AzureClient, id: string): Promise<NetworkInterface | undefined> {
  const { group, name } = parseArmId(id, { subscription: '', group: '', type: nicType, name: '' })
  const expand = 'ipConfigurations/publicIPAddress'
  return client.find('NetworkInterfaces_Get', () =>
    client.network.networkInterfaces.get(group, name, { expand }),
  )
}

interface Around {
  disks: ReadonlyMap<string, Disk>
  nics: ReadonlyMap<string, NetworkInterface>
  addresses: ReadonlyMap<string, PublicIPAddress>
}

function toCloudVm(vm: VirtualMachine, around: Around): CloudVm {
  const nic = around.nics.get(interfaceIds(vm)[0]?.toLowerCase() ?? '')
  const size = vm.hardwareProfile?.vmSize ?? ''
  const bootDisk = around.disks.get(vm.storageProfile?.osDisk?.managedDisk?.id?.toLowerCase() ?? '')
  const firmware = firmwareOf(vm.instanceView?.hyperVGeneration ?? bootDisk?.hyperVGeneration)
  const imageId = imageOf(vm)
  const keyPair = keyOf(vm)
  return {
    region: vm.location,
    id: canonicalId(vm.id ?? ''),
    name: shownName(vm),
    state: vmState(vm),
    instanceType: size,
    architecture: bootDisk?.supportedCapabilities?.architecture === 'Arm64' ? 'arm64' : architectureOf(size),
    tags: vm.tags ?? {},
    disks: disksOf(vm, around.disks),
    ...describeInterface(nic, around.addresses),
    ...(firmware === undefined ? {} : { firmware }),
    ...(imageId === undefined ? {} : { imageId }),
    ...(vm.zones?.[0] === undefined ? {} : { zone: vm.zones[0] }),
    ...(vm.proximityPlacementGroup?.id ? { placementGroup: canonicalId(vm.proximityPlacementGroup.id) } : {}),
    spot: vm.priority === 'Spot' || vm.priority === 'Low',
    tenancy: vm.host?.id || vm.hostGroup?.id ? 'dedicated' : 'shared',
    // Azure gives the metrics of every VM by the minute.
    detailedMonitoring: true,
    ...(keyPair === undefined ? {} : { keyPair }),
    ...(vm.timeCreated === undefined ? {} : { createdAt: vm.timeCreated }),
  }
}

/** A disk Azure has not made yet (the VM is being created) has no id and is left out. */
function disksOf({ storageProfile }: VirtualMachine, known: ReadonlyMap<string, Disk>): VmDisk[] {
  const describe = (
    id: string | undefined,
    sizeGib: number | undefined,
    boot: boolean,
    device: string,
  ): VmDisk[] => {
    if (id === undefined) return []
    const sizeBytes = known.get(id.toLowerCase())?.diskSizeBytes ?? (sizeGib ?? 0) * 1024 ** 3
    return [{ id: canonicalId(id), sizeBytes, boot, device }]
  }
  const os = storageProfile?.osDisk
  const data = (storageProfile?.dataDisks ?? []).toSorted((a, b) => a.lun - b.lun)
  return [
    ...describe(os?.managedDisk?.id, os?.diskSizeGB, true, 'os'),
    ...data.flatMap((disk) => describe(disk.managedDisk?.id, disk.diskSizeGB, false, `lun${disk.lun}`)),
  ]
}

/** The public key that the VM was made with, if there is anybody who can use it. */
function keyOf({ osProfile }: VirtualMachine): string | undefined {
  const key = osProfile?.linuxConfiguration?.ssh?.publicKeys?.[0]?.keyData
  return key?.trimEnd().endsWith(` ${unusableKeyComment}`) ? undefined : key
}

function imageOf({ storageProfile }: VirtualMachine): string | undefined {
  const image = storageProfile?.imageReference
  if (!image) return undefined
  return image.id ?? [image.publisher, image.offer, image.sku, image.version].join(':')
}

export function findDisk(client: AzureClient, id: string): Promise<Disk | undefined> {
  const { group, name } = parseArmId(id, { subscription: '', group: '', type: diskType, name: '' })
  return client.find('Disks_Get', () => client.compute.disks.get(group, name))
}

async function byId<T extends { id?: string }>(found: Promise<T | undefined>[]): Promise<Map<string, T>> {
  const things = await Promise.all(found)
  return new Map(
    things.flatMap((thing) => (thing?.id === undefined ? [] : [[thing.id.toLowerCase(), thing]])),
  )
}

async function index<T extends { id?: string }>(things: AsyncIterable<T>): Promise<Map<string, T>> {
  const map = new Map<string, T>()
  for await (const thing of things) if (thing.id !== undefined) map.set(thing.id.toLowerCase(), thing)
  return map
}
