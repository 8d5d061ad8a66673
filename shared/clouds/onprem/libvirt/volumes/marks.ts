import { el, toXml, type XmlElement } from '#shared/clouds/onprem/libvirt/xml.ts'
import { isError } from './errors.ts'
import { ask, type VolumesHost } from './base.ts'
import { unless } from './pools.ts'

// A mark is a dirty bitmap that the volume's own qcow2 file keeps, so it goes with the volume from machine to machine. libvirt's checkpoint is
// the handle on it: made known to a domain when it is needed, and forgotten right after, because a domain with checkpoints cannot be migrated
// or undefined.

/** A disk of a domain that has a QEMU: a running machine or a helper. */
export interface OpenDisk {
  domain: string
  /** E.g. `vda`. */
  device: string
}

/**
 * Tracks what changes on the disk from now on. If the mark is there already, what changed since it was made stays listed: more than needed,
 * never less.
 */
export async function track(host: VolumesHost, disk: OpenDisk, mark: string): Promise<void> {
  if (await isTracked(host, disk, mark)) return
  await untrack(host, disk, mark)
  await checkpoint(host, disk, mark, [])
}

/** Is what changed since the mark known? Then the domain has the checkpoint. Lost: QEMU was killed, or the mark was never made. */
export async function isTracked(host: VolumesHost, disk: OpenDisk, mark: string): Promise<boolean> {
  try {
    await checkpoint(host, disk, mark, ['--redefine', '--redefine-validate'])
    return true
  } catch (error) {
    if (isError(error, /VIR_ERR_CHECKPOINT_INCONSISTENT/)) return false
    throw error
  }
}

/** Removes the bitmap. Not there is fine. */
export async function untrack(host: VolumesHost, disk: OpenDisk, mark: string): Promise<void> {
  await checkpoint(host, disk, mark, ['--redefine'])
  try {
    await remove(host, disk, mark, [])
  } catch (error) {
    if (!isError(error, /./, /bitmap '.*' not found/)) throw error
    await forgetCheckpoint(host, disk, mark)
  }
}

/** Makes the domain forget the checkpoint; the bitmap stays and goes on tracking. */
export const forgetCheckpoint = (host: VolumesHost, disk: OpenDisk, mark: string): Promise<void> =>
  remove(host, disk, mark, ['--metadata'])

async function checkpoint(host: VolumesHost, disk: OpenDisk, mark: string, options: string[]): Promise<void> {
  await ask(
    host,
    ['checkpoint-create', disk.domain, { content: toXml(checkpointElement(disk, mark)) }, ...options],
    {
      mutating: true,
      resource: mark,
    },
  )
}

async function remove(
  host: VolumesHost,
  { domain }: OpenDisk,
  mark: string,
  options: string[],
): Promise<void> {
  await ask(host, ['checkpoint-delete', domain, mark, ...options], { mutating: true, resource: mark }).catch(
    unless('VIR_ERR_NO_DOMAIN_CHECKPOINT'),
  )
}

/** The time is needed only to say the same thing twice. */
const checkpointElement = ({ device }: OpenDisk, mark: string): XmlElement =>
  el(
    'domaincheckpoint',
    {},
    el('name', {}, mark),
    el('creationTime', {}, '1'),
    el('disks', {}, el('disk', { name: device, checkpoint: 'bitmap', bitmap: mark })),
  )
