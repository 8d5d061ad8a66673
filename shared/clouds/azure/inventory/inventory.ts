import type { AzureClient } from '#shared/clouds/azure/client.ts'
import type { OwnedKind, Tagged } from '#shared/clouds/azure/inventory/kinds.ts'
import { canonicalId } from '#shared/clouds/azure/names.ts'
import { CloudError, isNotFound } from '#shared/clouds/errors.ts'
import type { InventoryFacet, OwnedResource } from '#shared/clouds/port.ts'

/**
 * Everything but subnets of other networks is made in the provider's own resource group, so only that is searched; its lists are consistent at once.
 * @param kinds in the order in which they can be removed.
 */
export function createInventory(client: AzureClient, kinds: OwnedKind[]): InventoryFacet {
  return {
    settlesMs: client.settings.consistencyMs,
    async *owned({ region, tags }) {
      for (const { kind, operation, list } of kinds) {
        try {
          for await (const thing of client.pages(operation, () => list(tags))) {
            if (thing.location === region && carries(thing, tags)) yield owned(kind, region, thing)
          }
        } catch (error) {
          // No resource group: nothing was ever made.
          if (!isNotFound(error)) throw error
        }
      }
    },

    async remove(resource) {
      const found = kinds.find(({ kind }) => kind === resource.kind)
      if (found) return found.remove(resource)
      throw new CloudError(`Azure has nothing of kind "${resource.kind}" to remove.`, {
        cloud: 'azure',
        operation: 'remove',
        code: 'invalid_request',
        remedy: `Use one of: ${kinds.map(({ kind }) => kind).join(', ')}.`,
      })
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
