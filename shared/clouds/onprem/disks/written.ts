import { DiskError } from '#shared/disks/errors.ts'
import { requireDisk } from '#shared/clouds/onprem/disks/find.ts'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import { idFor } from '#shared/clouds/onprem/ids.ts'
import type { VolumeRecord } from '#shared/clouds/onprem/records.ts'
import { hostForVolume } from '#shared/clouds/onprem/volumes/create.ts'
import { encryptionOf, makeVolume } from '#shared/clouds/onprem/volumes/make.ts'
import { volumeRef } from '#shared/clouds/onprem/volumes/refs.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import type { CloudRef, DisksFacet } from '#shared/clouds/port.ts'

type CreateDisk = Parameters<DisksFacet['createDisk']>[0]

/** Makes a disk to be written; on a parent it begins as a copy of that, so that both can be deleted in any order. */
export async function createDisk(site: Site, request: CreateDisk): Promise<CloudRef> {
  const operation = 'disks.createDisk'
  const { region, zone, name, tags, sizeBytes, firmware } = request
  const id = idFor('vol', request.token)
  const encryption = encryptionOf(site, operation, id, request.encryption)
  const known = await site.find('volume', id, region)
  if (known && known.body.state !== 'creating') return { region, id }
  const parent = request.parent && (await requireDisk(site, operation, request.parent))
  if (parent && (parent.body.written !== 'sealed' || parent.body.sizeBytes > sizeBytes))
    throw refusal(operation, `parent: the disk ${parent.id} is not sealed, or larger than the new one.`, {
      code: 'invalid_request',
      remedy: 'Seal the parent first, and make the new disk at least as large.',
    })
  const host = known?.host ?? (await hostForVolume(site, operation, region, zone, parent?.host))
  await makeVolume(
    host,
    { id, name, tags, sizeBytes, type: 'ssd', written: 'open', firmware, ...encryption },
    parent && { host: parent.host, ref: volumeRef(parent.id, parent.body) },
  )
  return { region, id }
}

/** Ends the writing. Everything that was written is durable when this resolves. */
export async function sealDisk(
  site: Site,
  ref: CloudRef,
  { sizeBytes }: Parameters<DisksFacet['sealDisk']>[1],
): Promise<void> {
  const { id, body, host } = await requireDisk(site, 'disks.sealDisk', ref)
  if (sizeBytes !== body.sizeBytes)
    throw new DiskError(`the disk ${id} has ${body.sizeBytes} bytes, and what was copied has ${sizeBytes}`, {
      code: 'size_mismatch',
    })
  if (body.written === 'sealed') return
  await host.records.change('volume', id, (disk): VolumeRecord => ({ ...disk, written: 'sealed' }))
}
