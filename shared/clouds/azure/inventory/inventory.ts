import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { diskType, snapshotType } from '#shared/clouds/azure/disks/disks.ts'
import { canonicalId, parseArmId } from '#shared/clouds/azure/names.ts'
import { nicType } from '#shared/clouds/azure/networks/interfaces.ts'
import { deleteAddress, deleteInterface, deleteVm } from '#shared/clouds/azure/compute/remove.ts'
import { vmType } from '#shared/clouds/azure/compute/vms.ts'
import { CloudError, isNotFound } from '#shared/clouds/errors.ts'
import type { DisksFacet, InventoryFacet, OwnedResource } from '#shared/clouds/port.ts'

/** What Azure says of every kind of resource. */
interface Tagged {
  id?: string
  name?: string
  location?: string
  tags?: Record<string, string>
}

const addressType = 'Microsoft.Network/publicIPAddresses'

/** Everything is made in the provider's own resource group, so only that is searched; its lists are consistent at once. */
export function createInventory(client: AzureClient, disks: DisksFacet): InventoryFacet {
  const { compute, network, settings } = client
  const group = settings.resourceGroup
  // Dependents first: a VM holds its interfaces and disks, an interface its address, a snapshot its disk's history.
  const kinds: [string, string, () => AsyncIterable<Tagged>][] = [
    ['vm', 'VirtualMachines_List', () => compute.virtualMachines.list(group)],
    ['interface', 'NetworkInterfaces_List', () => network.networkInterfaces.list(group)],
    ['address', 'PublicIPAddresses_List', () => network.publicIPAddresses.list(group)],
    ['snapshot', 'Snapshots_ListByResourceGroup', () => compute.snapshots.listByResourceGroup(group)],
    ['disk', 'Disks_ListByResourceGroup', () => compute.disks.listByResourceGroup(group)],
  ]

  return {
    settlesMs: settings.consistencyMs,
    async *owned({ region, tags }) {
      for (const [kind, operation, list] of kinds) {
        try {
          for await (const thing of client.pages(operation, list)) {
            if (thing.location === region && carries(thing, tags)) yield owned(kind, region, thing)
          }
        } catch (error) {
          // No resource group: nothing was ever made.
          if (!isNotFound(error)) throw error
        }
      }
    },

    async remove(resource) {
      const at = (type: string) =>
        parseArmId(resource.id, { subscription: settings.subscriptionId, group, type, name: '' })
      switch (resource.kind) {
        case 'vm':
          return deleteVm(client, at(vmType))
        case 'interface':
          return deleteInterface(client, at(nicType).group, at(nicType).name)
        case 'address':
          return deleteAddress(client, at(addressType).group, at(addressType).name)
        case 'snapshot':
          at(snapshotType)
          return disks.deleteSnapshot(resource)
        case 'disk':
          at(diskType)
          return disks.deleteDisk(resource)
        default:
          throw new CloudError(`Azure has nothing of kind "${resource.kind}" to remove.`, {
            cloud: 'azure',
            operation: 'remove',
            code: 'invalid_request',
            remedy: `Use one of: ${kinds.map(([kind]) => kind).join(', ')}.`,
          })
      }
    },
  }
}

const carries = (thing: Tagged, tags: Record<string, string>): boolean =>
  Object.entries(tags).every(([name, value]) => thing.tags?.[name] === value)

const owned = (kind: string, region: string, { id = '', name, tags = {} }: Tagged): OwnedResource => ({
  region,
  id: canonicalId(id),
  kind,
  tags,
  ...(name === undefined ? {} : { name }),
})
