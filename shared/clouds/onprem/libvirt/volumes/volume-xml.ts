import { basename } from 'node:path'
import type { VolumeFacts } from '#shared/clouds/onprem/host.ts'
import { child, el, textOf, type XmlElement } from '#shared/clouds/onprem/libvirt/xml.ts'

/** A volume as libvirt knows it. */
export interface FoundVolume extends VolumeFacts {
  path: string
  /** Path of the file that it builds on. */
  backingPath?: string
}

/**
 * What `vol-create` is given: a qcow2 image in clusters of 64 KiB, or a raw file without allocation.
 * https://libvirt.org/formatstorage.html
 */
export const volumeElement = ({
  name,
  format,
  sizeBytes,
  backing,
}: {
  name: string
  format: 'qcow2' | 'raw'
  sizeBytes: number
  backing?: { path: string; format: 'qcow2' | 'raw' }
}): XmlElement =>
  el(
    'volume',
    {},
    el('name', {}, name),
    el('capacity', { unit: 'bytes' }, `${sizeBytes}`),
    // Of a raw file libvirt would otherwise allocate all.
    el('allocation', { unit: 'bytes' }, '0'),
    el(
      'target',
      {},
      el('format', { type: format }),
      ...(format === 'qcow2' ? [el('compat', {}, '1.1'), el('clusterSize', { unit: 'B' }, '65536')] : []),
    ),
    backing && el('backingStore', {}, el('path', {}, backing.path), el('format', { type: backing.format })),
  )

/** LUKS with the secret of that UUID, as disks and backups name it. */
export const encryptionElement = (secret: string): XmlElement =>
  el('encryption', { format: 'luks' }, el('secret', { type: 'passphrase', uuid: secret }))

/** Reads what `vol-dumpxml` printed. Undefined for what is not an image file of a known format. */
export function foundVolume(volume: XmlElement): FoundVolume | undefined {
  const target = child(volume, 'target')
  const path = textOf(target, 'path')
  const format = child(target, 'format')?.attributes['type']
  if (path === undefined || (format !== 'qcow2' && format !== 'raw')) return undefined
  const backingPath = textOf(volume, 'backingStore', 'path')
  return {
    name: textOf(volume, 'name') ?? basename(path),
    path,
    format,
    sizeBytes: Number(textOf(volume, 'capacity')),
    allocatedBytes: Number(textOf(volume, 'allocation')),
    encrypted: child(target, 'encryption') !== undefined,
    ...(backingPath !== undefined && { backing: basename(backingPath), backingPath }),
  }
}
