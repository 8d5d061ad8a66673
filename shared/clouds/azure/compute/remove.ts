import type { VirtualMachine } from '@azure/arm-compute'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { goneIsFine } from '#shared/clouds/azure/gone.ts'
import { nicNameOf, type ArmId } from '#shared/clouds/azure/names.ts'
import { findDisk, findInterface, interfaceIds } from '#shared/clouds/azure/compute/vms.ts'
import { addressType, targetOf } from '#shared/clouds/azure/networks/ids.ts'
import { isKept } from '#shared/clouds/azure/tags.ts'

/**
 * Deletes a VM with its disks, interfaces and addresses, but for volumes and addresses that are kept (see `keptTag`). First everything of it is marked to go with it, then one call
 * deletes the VM: so a crash in between never forgets a disk. A VM that is gone may have left an interface made for it.
 */
export async function deleteVm(client: AzureClient, { group, name }: ArmId): Promise<void> {
  const { virtualMachines } = client.compute
  const vm = await client.find('VirtualMachines_Get', () => virtualMachines.get(group, name))
  if (!vm) return deleteInterface(client, group, nicNameOf(name))
  if (vm.provisioningState !== 'Deleting') {
    await releaseAddresses(client, vm)
    const kept = await keptLuns(client, vm)
    if (leavesSomething(vm, kept)) {
      await client.finish('VirtualMachines_Update', (pace) =>
        virtualMachines.update(group, name, withAllDeleted(vm, kept), pace),
      )
    }
  }
  await goneIsFine(client.submit('VirtualMachines_Delete', () => virtualMachines.delete(group, name)))
}

export const deleteInterface = (client: AzureClient, group: string, name: string): Promise<void> =>
  goneIsFine(
    client.submit('NetworkInterfaces_Delete', () => client.network.networkInterfaces.delete(group, name)),
  )

export const deleteAddress = (client: AzureClient, group: string, name: string): Promise<void> =>
  goneIsFine(
    client.submit('PublicIPAddresses_Delete', () => client.network.publicIPAddresses.delete(group, name)),
  )

/** Of data disks that would stay, only those are left that are marked so. */
async function keptLuns(client: AzureClient, { storageProfile }: VirtualMachine): Promise<Set<number>> {
  const staying = (storageProfile?.dataDisks ?? []).filter(({ deleteOption }) => deleteOption !== 'Delete')
  const found = await Promise.all(
    staying.map(async ({ lun, managedDisk }) =>
      managedDisk?.id !== undefined && isKept(await findDisk(client, managedDisk.id)) ? [lun] : [],
    ),
  )
  return new Set(found.flat())
}

function leavesSomething({ storageProfile, networkProfile }: VirtualMachine, kept: Set<number>): boolean {
  const parts = [
    storageProfile?.osDisk,
    ...(storageProfile?.dataDisks ?? []).filter(({ lun }) => !kept.has(lun)),
    ...(networkProfile?.networkInterfaces ?? []),
  ]
  return parts.some((part) => part && part.deleteOption !== 'Delete')
}

function withAllDeleted({ storageProfile, networkProfile }: VirtualMachine, kept: Set<number>) {
  const osDisk = storageProfile?.osDisk
  return {
    storageProfile: {
      ...(osDisk ? { osDisk: { ...osDisk, deleteOption: 'Delete' } } : {}),
      dataDisks: (storageProfile?.dataDisks ?? []).map((disk) => ({
        ...disk,
        ...(kept.has(disk.lun) ? {} : { deleteOption: 'Delete' }),
      })),
    },
    networkProfile: {
      networkInterfaces: (networkProfile?.networkInterfaces ?? []).map((nic) => ({
        ...nic,
        deleteOption: 'Delete',
      })),
    },
  }
}

/** A public address is a thing of its own, kept unless its interface says otherwise. */
async function releaseAddresses(client: AzureClient, vm: VirtualMachine): Promise<void> {
  for (const id of interfaceIds(vm)) {
    const nic = await findInterface(client, id)
    const addresses = (nic?.ipConfigurations ?? []).flatMap(({ publicIPAddress }) => publicIPAddress ?? [])
    const staying = []
    for (const address of addresses) {
      if (address.deleteOption !== 'Delete' && !(await isKeptAddress(client, address.id)))
        staying.push(address)
    }
    if (!nic || staying.length === 0) continue
    for (const address of staying) address.deleteOption = 'Delete'
    const [group = '', name = ''] = [id.split('/')[4], id.split('/')[8]]
    await client.finish('NetworkInterfaces_CreateOrUpdate', (pace) =>
      client.network.networkInterfaces.createOrUpdate(group, name, nic, pace),
    )
  }
}

async function isKeptAddress(client: AzureClient, id: string | undefined): Promise<boolean> {
  if (id === undefined) return false
  const { group, name } = targetOf(client, addressType, id)
  return isKept(
    await client.find('PublicIPAddresses_Get', () => client.network.publicIPAddresses.get(group, name)),
  )
}
