import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { galleryIn } from '#shared/clouds/azure/images/gallery.ts'
import { onlyVersion } from '#shared/clouds/azure/images/targets.ts'
import type { OwnedKind, Tagged } from '#shared/clouds/azure/inventory/kinds.ts'
import { bucketTag } from '#shared/clouds/azure/storage/places.ts'
import type { BucketsFacet, ImagesFacet } from '#shared/clouds/port.ts'

/** Images and buckets; nothing else depends on them. */
export function serviceKinds(
  client: AzureClient,
  { images, buckets }: { images: ImagesFacet; buckets: BucketsFacet },
): OwnedKind[] {
  return [
    {
      kind: 'image',
      operation: 'GalleryImages_ListByGallery',
      list: () => imagesIn(client),
      remove: (resource) => images.delete(resource),
    },
    {
      kind: 'bucket',
      operation: 'StorageAccounts_ListByResourceGroup',
      list: () => bucketsIn(client),
      remove: (resource) => buckets.delete(resource, { withObjects: true }),
    },
  ]
}

/** By their definitions, which are made first: one without a version is the rest of an image that came to nothing. */
async function* imagesIn({ compute, settings }: AzureClient): AsyncIterable<Tagged> {
  const group = settings.resourceGroup
  for await (const gallery of compute.galleries.listByResourceGroup(group)) {
    if (gallery.name !== galleryIn(gallery.location)) continue
    for await (const { id = '', ...definition } of compute.galleryImages.listByGallery(group, gallery.name))
      yield { ...definition, id: `${id}/versions/${onlyVersion}` }
  }
}

/** By their accounts; the one without a container yet is deleted all the same. */
async function* bucketsIn({ storage, settings }: AzureClient): AsyncIterable<Tagged> {
  for await (const account of storage.storageAccounts.listByResourceGroup(settings.resourceGroup)) {
    const container = account.tags?.[bucketTag]
    if (container !== undefined) yield { ...account, id: `${account.name}/${container}` }
  }
}
