import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { sizeOf } from '#shared/clouds/azure/mapping.ts'
import type { InstanceSize } from '#shared/clouds/port.ts'

/** The list is some megabytes per region and changes about monthly. */
const keptMs = 15 * 60_000

/** A size with what only this adapter asks of it. */
export interface AzureSize {
  size: InstanceSize
  /** Can a VM of it keep its memory while it is stopped? */
  hibernates: boolean
}

/** VM sizes of a region, kept for a while. Askers at the same moment each ask for themselves: one's cancellation is not the other's. */
export function createSizes(client: AzureClient): (region: string) => Promise<AzureSize[]> {
  const kept = new Map<string, { atMs: number; sizes: AzureSize[] }>()
  return async (region) => {
    const known = kept.get(region)
    if (known && Date.now() - known.atMs < keptMs) return known.sizes
    const sizes: AzureSize[] = []
    const filter = `location eq '${region}'`
    for await (const sku of client.pages('ResourceSkus_List', () =>
      client.compute.resourceSkus.list({ filter }),
    )) {
      const size = sizeOf(sku)
      const hibernates = sku.capabilities?.some(
        ({ name, value }) => name === 'HibernationSupported' && value?.toLowerCase() === 'true',
      )
      if (size) sizes.push({ size, hibernates: hibernates ?? false })
    }
    kept.set(region, { atMs: Date.now(), sizes })
    return sizes
  }
}
