import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { deleteAddress, deleteInterface, deleteVm } from '#shared/clouds/azure/compute/remove.ts'
import { vmTarget } from '#shared/clouds/azure/compute/vms.ts'
import type { OwnedKind } from '#shared/clouds/azure/inventory/kinds.ts'
import { addressType, nicType, targetOf } from '#shared/clouds/azure/networks/ids.ts'
import { ownedSubnets } from '#shared/clouds/azure/networks/owned-subnets.ts'
import type { DisksFacet, NetworksFacet } from '#shared/clouds/port.ts'

/**
 * VMs and what they are made of, dependents first: a VM holds its interfaces and disks; an interface its address, its security group and its
 * place in a subnet; a subnet is part of its network. Volumes are disks.
 */
export function machineKinds(
  client: AzureClient,
  { disks, networks }: { disks: DisksFacet; networks: NetworksFacet },
): OwnedKind[] {
  const { compute, network } = client
  const group = client.settings.resourceGroup
  return [
    {
      kind: 'vm',
      operation: 'VirtualMachines_List',
      list: () => compute.virtualMachines.list(group),
      remove: (resource) => deleteVm(client, vmTarget(client, resource)),
    },
    {
      kind: 'interface',
      operation: 'NetworkInterfaces_List',
      list: () => network.networkInterfaces.list(group),
      remove({ id }) {
        const target = targetOf(client, nicType, id)
        return deleteInterface(client, target.group, target.name)
      },
    },
    {
      kind: 'address',
      operation: 'PublicIPAddresses_List',
      list: () => network.publicIPAddresses.list(group),
      remove({ id }) {
        const target = targetOf(client, addressType, id)
        return deleteAddress(client, target.group, target.name)
      },
    },
    {
      kind: 'security_group',
      operation: 'NetworkSecurityGroups_List',
      list: () => network.networkSecurityGroups.list(group),
      remove: (resource) => networks.securityGroups.delete(resource),
    },
    {
      kind: 'subnet',
      operation: 'VirtualNetworks_ListAll',
      list: (tags) => ownedSubnets(client, tags),
      remove: (resource) => networks.subnets.delete(resource),
    },
    {
      kind: 'network',
      operation: 'VirtualNetworks_List',
      list: () => network.virtualNetworks.list(group),
      remove: (resource) => networks.delete(resource),
    },
    {
      kind: 'snapshot',
      operation: 'Snapshots_ListByResourceGroup',
      list: () => compute.snapshots.listByResourceGroup(group),
      remove: (resource) => disks.deleteSnapshot(resource),
    },
    {
      kind: 'disk',
      operation: 'Disks_ListByResourceGroup',
      list: () => compute.disks.listByResourceGroup(group),
      remove: (resource) => disks.deleteDisk(resource),
    },
  ]
}
