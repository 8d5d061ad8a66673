import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { tryImageTarget } from '#shared/clouds/azure/images/targets.ts'

/** Is it an image of a system as it is? Azure refuses accounts with one: it brings its own. */
export async function isSpecialized(client: AzureClient, image: string): Promise<boolean> {
  const target = tryImageTarget(image)
  if (target?.kind !== 'version') return false
  const { group, gallery, definition } = target
  const found = await client.call('GalleryImages_Get', () =>
    client.compute.galleryImages.get(group, gallery, definition),
  )
  return found.osState === 'Specialized'
}
