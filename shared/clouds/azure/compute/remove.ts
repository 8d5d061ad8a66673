import type { VirtualMachine } from '@azure/arm-compute'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { nicNameOf, type ArmId } from '#shared/clouds/azure/names.ts'
import { findInterface, interfaceIds } from '#shared/clouds/azure/compute/vms.ts'
import { isNotFound } from '#shared/clouds/errors.ts'

/**
 * Deletes a VM with its disks, interfaces and addresses. First everything of it is marked to go with it, then one call
 * deletes the VM: so a crash in between never forgets a disk. A VM that is gone may have left an interface made for it.
 */
export async function deleteVm(client: AzureClient, { group, name }: ArmId): Promise<void> {
  const { virtualMachines } = client.compute
  const vm = await client.find('VirtualMachines_Get', () => virtualMachines.get(group, name))
  if (!vm) return deleteInterface(client, group, nicNameOf(name))
  if (vm.provisioningState !== 'Deleting') {
    await releaseAddresses(client, vm)
    if (leavesSomething(vm)) {
      await client.finish('VirtualMachines_Update', (pace) =>
        virtualMachines.update(group, name, withAllDeleted(vm), pace),
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

function leavesSomething({ storageProfile, networkProfile }: VirtualMachine): boolean {
  const parts = [
    storageProfile?.osDisk,
    ...(storageProfile?.dataDisks ?? []),
    ...(networkProfile?.networkInterfaces ?? []),
  ]
  return parts.some((part) => part && part.deleteOption !== 'Delete')
}

function withAllDeleted({ storageProfile, networkProfile }: VirtualMachine) {
  const osDisk = storageProfile?.osDisk
  return {
    storageProfile: {
      ...(osDisk ? { osDisk: { ...osDisk, deleteOption: 'Delete' } } : {}),
      dataDisks: (storageProfile?.dataDisks ?? []).map((disk) => ({ ...disk, deleteOption: 'Delete' })),
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
    const kept = addresses.filter((address) => address.deleteOption !== 'Delete')
    if (!nic || kept.length === 0) continue
    for (const address of kept) address.deleteOption = 'Delete'
    const [group = '', name = ''] = [id.split('/')[4], id.split('/')[8]]
    await client.finish('NetworkInterfaces_CreateOrUpdate', (pace) =>
      client.network.networkInterfaces.createOrUpdate(group, name, nic, pace),
    )
  }
}

async function goneIsFine(work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}
