import type { MachineDisk, VolumeRef } from '#shared/clouds/onprem/host.ts'
import { child, el, type XmlElement } from '#shared/clouds/onprem/libvirt/xml.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'
import type { VolumesHost } from './base.ts'
import { findByPath, findVolume } from './pools.ts'
import { ensureSecret } from './secrets.ts'
import { encryptionElement, type FoundVolume } from './volume-xml.ts'

/** A volume that must be there. @throws CloudError `not_found` */
export async function requireVolume(
  host: VolumesHost,
  { pool, name }: Pick<VolumeRef, 'pool' | 'name'>,
): Promise<FoundVolume> {
  const found = await findVolume(host, pool, name)
  if (found) return found
  throw refusal('volumes', `There is no volume ${name} in pool ${pool} of host ${host.name}.`, {
    code: 'not_found',
  })
}

/**
 * The `<disk>` of a domain for a volume, with its keys made known to the daemon. The whole chain of files is spelled out and ended: libvirt
 * would find files by itself, but not their keys, and would follow whatever a hostile image names.
 * https://libvirt.org/formatdomain.html#hard-drives-floppy-disks-cdroms
 */
export async function diskElement(
  host: VolumesHost,
  { volume, device, readOnly = false }: MachineDisk,
): Promise<XmlElement> {
  const [top, ...below] = await chainOf(host, volume)
  const secret = volume.keyName === undefined ? undefined : await ensureSecret(host, volume.keyName)
  return el(
    'disk',
    { type: 'file', device: 'disk' },
    el('driver', { name: 'qemu', type: volume.format, discard: 'unmap' }),
    sourceElement(top, secret),
    backingElement(below, secret),
    el('target', { dev: device, bus: 'virtio' }),
    readOnly ? el('readonly') : undefined,
  )
}

/** A volume's file and those that it builds on, downwards. @throws CloudError `not_found` if one is missing. */
export async function chainOf(
  host: VolumesHost,
  volume: VolumeRef,
): Promise<[FoundVolume, ...FoundVolume[]]> {
  const top = await requireVolume(host, volume)
  const below: FoundVolume[] = []
  for (let path = top.backingPath; path !== undefined;) {
    const next = await findByPath(host, path)
    if (!next || below.length === longestChain)
      throw refusal('volumes', `Volume ${volume.name} builds on ${path}, which is not there.`, {
        code: 'not_found',
        remedy: 'The volume cannot be read without it: take it back from a backup.',
      })
    below.push(next)
    path = next.backingPath
  }
  return [top, ...below]
}

const longestChain = 1000

/** Files that build on each other share one key. */
const sourceElement = ({ path, encrypted }: FoundVolume, secret: string | undefined): XmlElement =>
  el('source', { file: path }, encrypted && secret !== undefined ? encryptionElement(secret) : undefined)

function backingElement([next, ...below]: readonly FoundVolume[], secret: string | undefined): XmlElement {
  if (!next) return el('backingStore')
  return el(
    'backingStore',
    { type: 'file' },
    el('format', { type: next.format }),
    sourceElement(next, secret),
    backingElement(below, secret),
  )
}

/** Paths of all files that a domain has open for its disks. */
export const filesOf = (domain: XmlElement): string[] => disksOf(domain).flatMap((disk) => sourcesOf(disk))

/** The device (`vda`) by which a domain knows a file; undefined if it is not one of its disks. */
export const deviceOf = (domain: XmlElement, path: string): string | undefined => {
  const disk = disksOf(domain).find((each) => child(each, 'source')?.attributes['file'] === path)
  return child(disk, 'target')?.attributes['dev']
}

const disksOf = (domain: XmlElement): XmlElement[] =>
  (child(domain, 'devices')?.children ?? []).filter(({ name }) => name === 'disk')

function sourcesOf(element: XmlElement): string[] {
  const file = child(element, 'source')?.attributes['file']
  const below = child(element, 'backingStore')
  return [...(file === undefined ? [] : [file]), ...(below ? sourcesOf(below) : [])]
}
