import type { CloudRef, VolumesFacet } from '#shared/clouds/port.ts'
import { requireVolume } from '#shared/clouds/onprem/compute/find.ts'
import type { ForgetVolume } from '#shared/clouds/onprem/compute/needs.ts'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import type { VolumeRecord } from '#shared/clouds/onprem/records.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import { attachVolume, detachVolume } from '#shared/clouds/onprem/volumes/attach.ts'
import { createVolume } from '#shared/clouds/onprem/volumes/create.ts'
import { toVolume } from '#shared/clouds/onprem/volumes/describe.ts'
import { gibibyte, volumeRef } from '#shared/clouds/onprem/volumes/refs.ts'
import { removeVolume } from '#shared/clouds/onprem/volumes/remove.ts'
import { assertFree } from '#shared/clouds/onprem/volumes/use.ts'

/** Volumes: qcow2 files in the hosts' pools. All types are the same files; what they are worth is their host's. */
export function createVolumes(site: Site, forget: ForgetVolume): VolumesFacet {
  return {
    async *list({ region }) {
      for await (const volume of site.all('volume', region)) yield toVolume(volume)
    },
    async get({ region, id }) {
      const volume = await site.find('volume', id, region)
      return volume && toVolume(volume)
    },
    create: (request) => createVolume(site, request),
    resize: (ref, sizeGib) => resizeVolume(site, ref, sizeGib * gibibyte),
    attach: (ref, vm) => attachVolume(site, ref, vm),
    detach: (ref) => detachVolume(site, ref),
    delete: (ref) => deleteVolume(site, forget, ref),
  }
}

/** File before record: what was cut off is done again, and the record never says more than there is. */
async function resizeVolume(site: Site, ref: CloudRef, sizeBytes: number): Promise<void> {
  const operation = 'storage.volumes.resize'
  const volume = await requireVolume(site, operation, ref)
  if (volume.body.sizeBytes === sizeBytes) return
  if (volume.body.sizeBytes > sizeBytes)
    throw refusal(
      operation,
      `size_gib: ${volume.id} has ${volume.body.sizeBytes / gibibyte} GiB, and volumes never shrink.`,
      {
        code: 'invalid_request',
        remedy: 'Make a smaller volume and copy within the guest.',
      },
    )
  assertFree(operation, volume, volume.body.vm)
  await volume.host.volumes.resize(volumeRef(volume.id, volume.body), sizeBytes, volume.body.vm)
  await volume.host.records.change('volume', volume.id, (body): VolumeRecord => ({ ...body, sizeBytes }))
}

async function deleteVolume(site: Site, forget: ForgetVolume, { region, id }: CloudRef): Promise<void> {
  const volume = await site.find('volume', id, region)
  if (volume === undefined) return
  const { body, host } = volume
  const holder = body.vm === undefined ? undefined : await site.find('vm', body.vm, region)
  if (holder)
    throw refusal('storage.volumes.delete', `The volume ${id} is attached to the VM ${holder.id}.`, {
      code: 'conflict',
      kind: 'retryable',
      remedy: 'Detach it, or delete the VM.',
    })
  await removeVolume(host, id, body, forget)
}
