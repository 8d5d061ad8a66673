import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { SnapshotRecord, VolumeRecord } from '#shared/clouds/onprem/records.ts'

/** The file of a volume. */
export const volumeRef = (
  id: string,
  { pool, format, keyName }: Pick<VolumeRecord, 'pool' | 'format' | 'keyName'>,
): VolumeRef => ({ pool, name: `${id}.${format}`, format, ...(keyName === undefined ? {} : { keyName }) })

/** The file of a snapshot; those of a chain have the key of their volume. */
export const snapshotRef = (
  id: string,
  { pool, keyName }: Pick<SnapshotRecord, 'pool' | 'keyName'>,
): VolumeRef => volumeRef(id, { pool, format: 'qcow2', ...(keyName === undefined ? {} : { keyName }) })

/** The file of a machine's cloud-init seed. */
export const seedRef = (vm: string, pool: string): VolumeRef => ({
  pool,
  name: `seed-${vm}.raw`,
  format: 'raw',
})

export const gibibyte = 2 ** 30
