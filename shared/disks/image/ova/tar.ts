import type { ImageFile } from '#shared/disks/image/image-file.ts'
import { refused } from '#shared/disks/image/refuse.ts'

export interface TarEntry {
  name: string
  /** Where its bytes are in the archive. */
  offset: number
  sizeBytes: number
}

/**
 * Lists an archive that may hold nothing but plain files beside each other: no folders, links, devices, names that lead elsewhere or are there
 * twice. POSIX.1-1988 "ustar", with GNU's binary sizes for files from 8 GiB on and the `size` of POSIX.1-2001's extended headers.
 * @throws DiskError `image_refused`
 */
export async function listTar(file: ImageFile, maxEntries: number): Promise<TarEntry[]> {
  const entries: TarEntry[] = []
  let extendedSize: number | undefined
  for (let at = 0; at + blockBytes <= file.sizeBytes;) {
    const header = await file.at(at, blockBytes, 'an archive header')
    if (header.every((byte) => byte === 0)) break
    checkSum(header)
    const type = String.fromCharCode(header.readUInt8(156))
    const name = text(header, 0, 100)
    const sizeBytes = (isFile(type) ? extendedSize : undefined) ?? sizeOf(header)
    const offset = at + blockBytes
    if (offset + sizeBytes > file.sizeBytes)
      throw refused(`${shown(name)} in it is longer than the archive`, 'Transfer the file again, whole.')
    if (type === 'x')
      extendedSize = readExtended(await file.at(offset, Math.min(sizeBytes, 65_536), 'a header'))
    else {
      if (text(header, 345, 155) !== '') throw refused(`${shown(name)} in it is in a folder`)
      entries.push(checkEntry({ name, offset, sizeBytes }, type, entries))
      extendedSize = undefined
    }
    if (entries.length > maxEntries) throw refused(`it holds more than ${maxEntries} files`)
    at = offset + Math.ceil(sizeBytes / blockBytes) * blockBytes
  }
  if (entries.length === 0) throw refused('it is not an OVA: it holds no files')
  return entries
}

/** The header of a plain file, for an archive that is written. */
export function tarHeader(name: string, sizeBytes: number, modifiedS: number): Buffer {
  const header = Buffer.alloc(blockBytes)
  const octal = (value: number, at: number, digits: number) =>
    header.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1')
  header.write(name, 0, 100, 'latin1')
  octal(0o644, 100, 7)
  octal(0, 108, 7)
  octal(0, 116, 7)
  if (sizeBytes < 8 ** 11) octal(sizeBytes, 124, 11)
  else {
    header.writeUInt8(0x80, 124)
    header.writeBigUInt64BE(BigInt(sizeBytes), 128)
  }
  octal(modifiedS, 136, 11)
  header.fill(' ', 148, 156)
  header.write('0', 156)
  header.write('ustar\u000000', 257, 'latin1')
  const sum = header.reduce((all, byte) => all + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

/** Zeros up to where the next header may begin. */
export const tarPadding = (sizeBytes: number): Buffer => Buffer.alloc(-sizeBytes & (blockBytes - 1))

/** What an archive ends with. */
export const tarEnd: Buffer = Buffer.alloc(1024)

const blockBytes = 512

const isFile = (type: string): boolean => type === '0' || type === '\0'

function checkEntry(entry: TarEntry, type: string, before: readonly TarEntry[]): TarEntry {
  const { name } = entry
  if (!isFile(type)) throw refused(`${shown(name)} in it is not a plain file (type ${JSON.stringify(type)})`)
  if (!/^[A-Za-z0-9_][\w .()+@=,#-]{0,99}$/.test(name))
    throw refused(`the name ${shown(name)} in it leads elsewhere, or is none`)
  if (before.some((each) => each.name === name)) throw refused(`it holds ${shown(name)} twice`)
  return entry
}

const text = (header: Buffer, at: number, length: number): string =>
  header.toString('latin1', at, at + length).replace(/\0.*$/s, '')

const shown = (name: string): string => JSON.stringify(name.slice(0, 60))

function sizeOf(header: Buffer): number {
  const binary = (header.readUInt8(124) & 0x80) !== 0
  const digits = text(header, 124, 12).trim()
  const size = binary ? Number(header.readBigUInt64BE(128)) : Number.parseInt(digits || '0', 8)
  if (!Number.isSafeInteger(size) || size < 0 || (!binary && !/^[0-7]*$/.test(digits)))
    throw refused('an archive header has no size')
  return size
}

function checkSum(header: Buffer): void {
  const sum = header.reduce((all, byte, index) => all + (index >= 148 && index < 156 ? 0x20 : byte), 0)
  if (Number.parseInt(text(header, 148, 8).trim(), 8) !== sum)
    throw refused('it is not an OVA, or is damaged: the checksum of an archive header is wrong')
}

/** Records `<length> <key>=<value>\n`. A path would be another name than the header's; times and owners do not matter. */
function readExtended(data: Buffer): number | undefined {
  let size: number | undefined
  for (const [, key, value = ''] of data.toString('utf8').matchAll(/\d+ ([A-Za-z.]+)=([^\n]*)\n/g)) {
    if (key === 'path' || key === 'linkpath' || key?.startsWith('GNU.'))
      throw refused('it holds names that its plain headers do not tell')
    if (key === 'size') size = Number(value)
  }
  if (size !== undefined && (!Number.isSafeInteger(size) || size < 0))
    throw refused('an archive header has no size')
  return size
}
