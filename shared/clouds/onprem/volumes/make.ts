import type { Encryption, OwnerTags, VolumeType } from '#shared/clouds/port.ts'
import type { Host, Site } from '#shared/clouds/onprem/hosts.ts'
import { keyNameFor } from '#shared/clouds/onprem/keys.ts'
import { roomiestPool } from '#shared/clouds/onprem/placement/view.ts'
import type { VolumeRecord } from '#shared/clouds/onprem/records.ts'
import { copyAcross, type Place } from '#shared/clouds/onprem/volumes/across.ts'
import { volumeRef } from '#shared/clouds/onprem/volumes/refs.ts'

export interface NewVolume extends Partial<
  Pick<VolumeRecord, 'keyName' | 'keyId' | 'vm' | 'device' | 'written' | 'firmware'>
> {
  id: string
  name: string
  tags: OwnerTags
  sizeBytes: number
  type: VolumeType
}

/** How a volume is encrypted, by the wish and the registration. @throws CloudError `invalid_request` if there is no such key. Makes no call. */
export function encryptionOf(
  { settings }: Pick<Site, 'settings'>,
  operation: string,
  id: string,
  encryption: Encryption | undefined,
): Pick<VolumeRecord, 'keyName' | 'keyId'> {
  const keyName = keyNameFor(settings, operation, id, encryption)
  return {
    ...(keyName === undefined ? {} : { keyName }),
    ...(encryption?.keyId === undefined ? {} : { keyId: encryption.keyId }),
  }
}

/**
 * Makes a volume on a host: empty, or with the content of a file on this host or another. One that is there already stays as it is, and a
 * half-made one is finished.
 */
export async function makeVolume(
  host: Host,
  { id, ...wishes }: NewVolume,
  content?: Place,
): Promise<VolumeRecord> {
  const record = (await host.records.get('volume', id)) ?? (await begin(host, id, wishes))
  if (record.state !== 'creating') return record
  const ref = volumeRef(id, record)
  const { sizeBytes } = record
  if (content === undefined) await host.volumes.create(ref, { sizeBytes })
  else if (content.host.name === host.name) await host.volumes.copy(content.ref, ref, { sizeBytes })
  else await copyAcross(content, { host, ref }, sizeBytes)
  const made: VolumeRecord = { ...record, state: 'available' }
  await host.records.put('volume', id, made)
  return made
}

async function begin(host: Host, id: string, wishes: Omit<NewVolume, 'id'>): Promise<VolumeRecord> {
  const record: VolumeRecord = {
    ...wishes,
    createdAt: new Date().toISOString(),
    pool: (await roomiestPool(host)).name,
    format: 'qcow2',
    state: 'creating',
  }
  if (await host.records.insert('volume', id, record)) return record
  return (await host.records.get('volume', id)) ?? record
}
