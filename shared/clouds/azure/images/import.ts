import type { GalleryDiskImageSource } from '@azure/arm-compute'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { blobUrlOf } from '#shared/clouds/azure/client/blobs.ts'
import { imageState } from '#shared/clouds/azure/images/mapping.ts'
import { imageTarget } from '#shared/clouds/azure/images/targets.ts'
import { bucketPlace, findAccount } from '#shared/clouds/azure/storage/places.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudRef, ObjectRef, TaskState } from '#shared/clouds/port.ts'

/**
 * The file as a gallery takes it. Azure makes images of page blobs alone; whether the VHD in it is a fixed one of whole MiB it finds out by
 * itself, while making the image.
 * @throws CloudError `not_found`, or `invalid_request` for a blob of another type.
 */
export async function checkVhd(
  client: AzureClient,
  { bucket, key }: ObjectRef,
): Promise<GalleryDiskImageSource> {
  const place = bucketPlace(client, bucket)
  const account = await findAccount(client, place.account)
  if (!account?.id) throw missing(`bucket ${bucket}`)
  const container = await client.container(place.account, place.container)
  const blob = await client.find('Blob_GetProperties', () => container.getBlobClient(key).getProperties())
  if (!blob) throw missing(`object "${key}" in ${bucket}`)
  if (blob.blobType !== 'PageBlob') throw notPages(key)
  const path = key.split('/').map(encodeURIComponent).join('/')
  return {
    storageAccountId: account.id,
    uri: `${blobUrlOf(client.settings, place.account)}/${place.container}/${path}`,
  }
}

/** How far the image of an import is: an import's id is its image's. */
export async function importState(client: AzureClient, task: CloudRef): Promise<TaskState | undefined> {
  const target = imageTarget(task.id)
  if (target.kind !== 'version') return undefined
  const { group, gallery, definition, version } = target
  const found = await client.find('GalleryImageVersions_Get', () =>
    client.compute.galleryImageVersions.get(group, gallery, definition, version, {
      expand: 'ReplicationStatus',
    }),
  )
  if (!found) return undefined
  const state = imageState(found.provisioningState)
  const [progress] = found.replicationStatus?.summary ?? []
  return {
    state,
    ...(progress?.progress === undefined ? {} : { progressPercent: progress.progress }),
    ...(progress?.details ? { message: progress.details } : {}),
    ...(state === 'ready' ? { image: { region: task.region, id: task.id } } : {}),
  }
}

const missing = (what: string): CloudError =>
  new CloudError(`There is no ${what}.`, {
    cloud: 'azure',
    operation: 'Blob_GetProperties',
    code: 'not_found',
  })

const notPages = (key: string): CloudError =>
  new CloudError(`The object "${key}" is not a page blob, and Azure makes images of nothing else.`, {
    cloud: 'azure',
    operation: 'import image',
    code: 'invalid_request',
    remedy: 'Write it again with a key that ends in .vhd.',
    details: { field: 'source.key' },
  })
