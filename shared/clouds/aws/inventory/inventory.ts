import type { InventoryFacet } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import type { OwnedKind } from '#shared/clouds/aws/inventory/kinds.ts'

/** What carries our owner tags. `kinds` is in the order in which things can be removed. */
export function createInventory(aws: AwsClients, kinds: readonly OwnedKind[]): InventoryFacet {
  return {
    settlesMs: aws.settings.options.consistency_ms,
    async *owned({ region, tags }) {
      for (const { find } of kinds) yield* find(region, tags)
    },
    async remove(resource) {
      const known = kinds.find(({ kind }) => kind === resource.kind)
      if (known) return known.remove(resource)
      throw new CloudError(`AWS adapter cannot remove a ${resource.kind}.`, {
        cloud: 'aws',
        operation: 'remove',
        code: 'unsupported',
        remedy: `Kinds: ${kinds.map(({ kind }) => kind).join(', ')}.`,
      })
    },
  }
}
