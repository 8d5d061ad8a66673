import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { sizeOf } from '#shared/clouds/azure/mapping.ts'
import type { InstanceSize } from '#shared/clouds/port.ts'

/** The list is some megabytes per region and changes about monthly. */
const keptMs = 15 * 60_000

/** VM sizes of a region, kept for a while. Askers at the same moment each ask for themselves: one's cancellation is not the other's. */
export function createSizes(client: AzureClient): (region: string) => Promise<InstanceSize[]> {
  const kept = new Map<string, { atMs: number; sizes: InstanceSize[] }>()
  return async (region) => {
    const known = kept.get(region)
    if (known && Date.now() - known.atMs < keptMs) return known.sizes
    const sizes: InstanceSize[] = []
    const filter = `location eq '${region}'`
    for await (const sku of client.pages('ResourceSkus_List', () =>
      client.compute.resourceSkus.list({ filter }),
    )) {
      const size = sizeOf(sku)
      if (size) sizes.push(size)
    }
    kept.set(region, { atMs: Date.now(), sizes })
    return sizes
  }
}
