import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudRef } from '#shared/clouds/port.ts'
import type { Host, Site } from '#shared/clouds/onprem/hosts.ts'
import { deleteFiles, imageRefs } from '#shared/clouds/onprem/images/files.ts'
import type { ImageRecord } from '#shared/clouds/onprem/records.ts'

/**
 * Deletes an image with its files on every host: those that are known to have it, and those where a copy may have been under way. Its record goes
 * last, so that a deletion that was cut off can be repeated.
 */
export async function deleteImage(site: Site, { region, id }: CloudRef): Promise<void> {
  const { records } = site.homeOf(region)
  const record = await records.get('image', id)
  if (record === undefined) return
  // Nobody starts from it any more.
  await records.change('image', id, (image): ImageRecord => ({ ...image, state: 'failed', error: 'deleted' }))
  for (const host of site.inRegion(region)) await deleteOn(host, id, record)
  await records.remove('image', id)
}

async function deleteOn(host: Host, id: string, record: ImageRecord): Promise<void> {
  const known = record.copies.some((copy) => copy.host === host.name)
  try {
    for (const { name } of await host.volumes.pools()) await deleteFiles(host, imageRefs(id, record, name))
  } catch (error) {
    // A host that cannot be asked has no copy that anybody knows of.
    if (known || !(error instanceof CloudError)) throw error
  }
}
