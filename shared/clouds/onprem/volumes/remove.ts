import type { ForgetVolume } from '#shared/clouds/onprem/compute/needs.ts'
import type { Host } from '#shared/clouds/onprem/hosts.ts'
import type { VolumeRecord } from '#shared/clouds/onprem/records.ts'
import { volumeRef } from '#shared/clouds/onprem/volumes/refs.ts'

/** Deletes a volume that nothing uses, file before record, so that a half-deleted one is found again. */
export async function removeVolume(
  host: Host,
  id: string,
  record: VolumeRecord,
  forget: ForgetVolume,
): Promise<void> {
  if (record.state !== 'deleting') await host.records.put('volume', id, { ...record, state: 'deleting' })
  await host.volumes.delete(volumeRef(id, record))
  await forget(host, id, record)
  await host.records.remove('volume', id)
}
