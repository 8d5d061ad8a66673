import type { MachineImages } from '#shared/clouds/onprem/compute/needs.ts'
import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { Host, Site } from '#shared/clouds/onprem/hosts.ts'
import { copiesOf, deleteFiles, imageRefs } from '#shared/clouds/onprem/images/files.ts'
import { roomiestPool } from '#shared/clouds/onprem/placement/view.ts'
import type { ImageRecord } from '#shared/clouds/onprem/records.ts'
import { notFound, refusal } from '#shared/clouds/onprem/refusals.ts'
import { copyAcross } from '#shared/clouds/onprem/volumes/across.ts'

/** Images for those who make machines of them. */
export const createMachineImages = (site: Site): MachineImages => ({
  async require(region, id) {
    const found = await site.find('image', id, region)
    if (!found) throw notFound(operation, 'image', { region, id })
    if (found.body.state === 'ready') return found
    throw refusal(operation, `The image ${id} is ${found.body.state}.`, {
      code: 'conflict',
      kind: found.body.state === 'pending' ? 'retryable' : 'permanent',
      remedy: 'Wait until it is ready, or use another one.',
    })
  },
  copyTo: (host, { id }) => host.records.alone(`image-copy-${id}`, () => giveCopy(site, host, id)),
})

const operation = 'compute.create'

/** The record is read again: somebody else may have copied, or deleted the image, a moment ago. */
async function giveCopy(site: Site, host: Host, id: string): Promise<VolumeRef[]> {
  const { records } = site.homeOf(host.region)
  const record = await records.get('image', id)
  if (record === undefined) throw notFound(operation, 'image', { region: host.region, id })
  const copies = copiesOf(site, id, record)
  const own = copies.find((copy) => copy.host.name === host.name)
  if (own) return own.refs
  const pool = (await roomiestPool(host)).name
  const refs = imageRefs(id, record, pool)
  const [from] = copies
  if (!from)
    throw refusal(operation, `No host that is registered has the image ${id}.`, {
      code: 'not_found',
      remedy: 'Register the host that has it again, or import the image once more.',
    })
  for (const [index, ref] of refs.entries()) {
    const source = from.refs[index]
    const sizeBytes = record.disks[index]?.sizeBytes
    if (source && sizeBytes !== undefined)
      await copyAcross({ host: from.host, ref: source }, { host, ref }, sizeBytes)
  }
  const noted = await records.change('image', id, (image): ImageRecord => ({
    ...image,
    copies: [...image.copies.filter((copy) => copy.host !== host.name), { host: host.name, pool }],
  }))
  if (noted) return refs
  await deleteFiles(host, refs)
  throw notFound(operation, 'image', { region: host.region, id })
}
