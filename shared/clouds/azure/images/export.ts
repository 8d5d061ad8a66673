import type { BlobGetPropertiesResponse } from '@azure/storage-blob'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { openBlob, revokeAccess } from '#shared/clouds/azure/disks/access.ts'
import { diskTarget, stays } from '#shared/clouds/azure/disks/targets.ts'
import { imageTarget } from '#shared/clouds/azure/images/targets.ts'
import { creationState } from '#shared/clouds/azure/mapping.ts'
import { nameFor } from '#shared/clouds/azure/names.ts'
import { goneIsFine } from '#shared/clouds/azure/gone.ts'
import { withName } from '#shared/clouds/azure/tags.ts'
import { withGroup } from '#shared/clouds/azure/group.ts'
import { bucketPlace, findAccount } from '#shared/clouds/azure/storage/places.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudRef, Intent, ObjectRef, TaskState } from '#shared/clouds/port.ts'

/**
 * An image has no bytes that can be read; a disk made of it has. So an export is: a disk from the image, access to its bytes as a VHD, a
 * server-side copy of them into the object, and the disk's end. Azure does each in the background, and nothing remembers the whole but the
 * task's id; each look at the task takes the next step that is due.
 */
export async function startExport(
  client: AzureClient,
  { token, tags, image, target }: Intent & { image: CloudRef; target: ObjectRef },
): Promise<CloudRef> {
  const { region } = image
  const name = nameFor(token)
  const place = bucketPlace(client, target.bucket)
  const account = await findAccount(client, place.account)
  const bucket =
    account &&
    (await client.find('BlobContainers_Get', () =>
      client.storage.blobContainers.get(account.group, place.account, place.container),
    ))
  if (!bucket) throw missing(`bucket ${target.bucket}`)
  const task = { region, id: idOf({ disk: name, ...place, key: target.key }) }
  // A call after the export's end must not begin it anew.
  if (isOf(name, await findCopy(client, { ...place, key: target.key }))) return task

  const { disks } = client.compute
  const { group } = diskTarget(client, { id: name })
  const made = await client.find('Disks_Get', () => disks.get(group, name))
  if (!stays(made)) {
    const from = { id: image.id }
    await withGroup(client, region, () =>
      client.submit('Disks_CreateOrUpdate', () =>
        disks.createOrUpdate(group, name, {
          location: region,
          tags: withName(tags, `export to ${target.key}`.slice(0, 200)),
          sku: { name: 'StandardSSD_LRS' },
          creationData: {
            createOption: 'FromImage',
            ...(imageTarget(image.id).kind === 'managed'
              ? { imageReference: from }
              : { galleryImageReference: from }),
          },
        }),
      ),
    )
  }
  return task
}

export const isExport = ({ id }: CloudRef): boolean => id.startsWith(prefix)

/** How far an export is, having taken the next step of it. */
export async function exportState(client: AzureClient, task: CloudRef): Promise<TaskState | undefined> {
  const parts = partsOf(task)
  const target = diskTarget(client, { id: parts.disk })
  const copy = await findCopy(client, parts)
  if (isOf(parts.disk, copy)) {
    if (copy.copyStatus === 'pending')
      return { state: 'pending', message: 'Copying', ...percentOf(copy.copyProgress) }
    await endDisk(client, target)
    if (copy.copyStatus === 'success') return { state: 'ready', progressPercent: 100 }
    return { state: 'failed', message: copy.copyStatusDescription ?? `The copy is ${copy.copyStatus}.` }
  }

  const disk = await client.find('Disks_Get', () => client.compute.disks.get(target.group, target.name))
  if (!disk) return undefined
  const state = creationState(disk)
  if (state === 'failed') return { state, message: 'Azure could not make a disk of the image.' }
  if (state === 'pending') return { state, progressPercent: 0, message: 'Making a disk of the image' }
  const granted = await openBlob(client, target, 'Read')
  const container = await client.container(parts.account, parts.container)
  await granted.use('Blob_StartCopyFromURL', async ({ url }) => {
    await container
      .getBlobClient(parts.key)
      .beginCopyFromURL(url, { metadata: { [taskMetadata]: parts.disk } })
  })
  return { state: 'pending', progressPercent: 0, message: 'Copying' }
}

interface Parts {
  /** The name of the disk that the image is read through. */
  disk: string
  account: string
  container: string
  key: string
}

const prefix = 'export:'
/** Says of a blob which export it came from; names of metadata are identifiers. */
const taskMetadata = 'novacronexport'

const idOf = ({ disk, account, container, key }: Parts): string =>
  `${prefix}${disk}:${account}/${container}/${key}`

function partsOf({ id }: CloudRef): Parts {
  const [, disk, account, container, key] = /^export:([^:]+):([^/]+)\/([^/]+)\/(.+)$/s.exec(id) ?? []
  if (disk && account && container && key) return { disk, account, container, key }
  throw new CloudError(`"${id}" is not the id of an export.`, {
    cloud: 'azure',
    operation: 'parse id',
    code: 'invalid_request',
    remedy: 'Use the id that starting the export gave.',
    details: { field: 'id' },
  })
}

async function findCopy(
  client: AzureClient,
  { account, container, key }: Omit<Parts, 'disk'>,
): Promise<BlobGetPropertiesResponse | undefined> {
  const blobs = await client.container(account, container)
  return client.find('Blob_GetProperties', () => blobs.getBlobClient(key).getProperties())
}

const isOf = (disk: string, blob: BlobGetPropertiesResponse | undefined): blob is BlobGetPropertiesResponse =>
  blob?.metadata?.[taskMetadata] === disk

async function endDisk(client: AzureClient, target: ReturnType<typeof diskTarget>): Promise<void> {
  const { group, name } = target
  const disk = await client.find('Disks_Get', () => client.compute.disks.get(group, name))
  if (!disk || disk.provisioningState === 'Deleting') return
  if (disk.diskState === 'ActiveSAS') await revokeAccess(client, target)
  await goneIsFine(client.finish('Disks_Delete', (pace) => client.compute.disks.delete(group, name, pace)))
}

/** Azure says `copied/total`, in bytes. */
function percentOf(progress: string | undefined): { progressPercent?: number } {
  const [copied = 0, total = 0] = (progress ?? '').split('/').map(Number)
  return total > 0 ? { progressPercent: Math.floor((copied * 100) / total) } : {}
}

const missing = (what: string): CloudError =>
  new CloudError(`There is no ${what}.`, {
    cloud: 'azure',
    operation: 'BlobContainers_Get',
    code: 'not_found',
    remedy: 'Create the bucket first.',
  })
