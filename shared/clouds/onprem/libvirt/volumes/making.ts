import { randomBytes } from 'node:crypto'
import type { VolumeRef } from '#shared/clouds/onprem/host.ts'
import type { VolumesHost } from './base.ts'
import { createVolume, fileNames, findVolume, ownPrefix, removeFile } from './pools.ts'
import { volumeElement, type FoundVolume } from './volume-xml.ts'

// libvirt cannot rename a volume, so one that takes time to make has a small file beside it until it is whole: `nc-making.<its name>.<random>`.
// Who finds both makes it anew. Each maker has a mark of its own: one that was thought dead cannot call whole what another has just begun.

/** Makes a volume whole or not at all. `work` finds nothing under its name. @returns false, and nothing done, if it is there already. */
export async function making(
  host: VolumesHost,
  { pool, name }: VolumeRef,
  work: () => Promise<void>,
): Promise<boolean> {
  const marks = await marksOf(host, pool, name)
  if (marks.length === 0 && (await findVolume(host, pool, name))) return false
  const mark = `${prefixOf(name)}${randomBytes(6).toString('hex')}`
  await createVolume(host, pool, mark, volumeElement({ name: mark, format: 'raw', sizeBytes: 0 }))
  await removeFile(host, pool, name)
  await work()
  for (const each of [...marks, mark]) await removeFile(host, pool, each)
  return true
}

/** A volume, unless it is half made. */
export async function findWhole(
  host: VolumesHost,
  { pool, name }: VolumeRef,
): Promise<FoundVolume | undefined> {
  const found = await findVolume(host, pool, name)
  return found && (await marksOf(host, pool, name)).length === 0 ? found : undefined
}

/** Removes a volume, whole or not. Not there is fine. */
export async function removeWhole(host: VolumesHost, { pool, name }: VolumeRef): Promise<void> {
  const marks = await marksOf(host, pool, name)
  await removeFile(host, pool, name)
  for (const each of marks) await removeFile(host, pool, each)
}

const prefixOf = (name: string): string => `${ownPrefix}making.${name}.`

async function marksOf(host: VolumesHost, pool: string, name: string): Promise<string[]> {
  return (await fileNames(host, pool)).filter((each) => each.startsWith(prefixOf(name)))
}
