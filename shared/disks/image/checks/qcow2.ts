import type { DiskCheck } from '#shared/disks/image/checks/check.ts'
import type { ImageFile } from '#shared/disks/image/image-file.ts'
import { refused, truncated } from '#shared/disks/image/refuse.ts'

/**
 * QCOW2, versions 2 and 3. It must stand alone (no backing file, no data file, no encryption), and every table and cluster that it speaks of
 * must lie in the file. https://gitlab.com/qemu-project/qemu/-/blob/master/docs/interop/qcow2.txt
 */
export const checkQcow2: DiskCheck = async (file) => {
  const header = readHeader(await file.at(0, 72, 'the header'), await file.at(72, 40, 'the header'))
  await checkExtensions(file, header)
  const { clusterBytes, sizeBytes, l1, refcounts, snapshots } = header
  for (const table of [l1, refcounts, snapshots]) {
    if (table.bytes > table.maxBytes)
      throw refused(`its ${table.what} takes ${table.bytes} bytes, more than any disk needs`)
    await inside(file, table.offset, table.bytes, table.what)
  }
  const perTable = clusterBytes / header.l2EntryBytes
  const needed = Math.ceil(sizeBytes / (clusterBytes * perTable))
  if (l1.bytes / 8 < needed)
    throw refused(`its first table has ${l1.bytes / 8} entries for ${sizeBytes} bytes`)
  await checkClusters(file, header, Math.min(l1.bytes / 8, needed))
  return { sizeBytes }
}

interface Table {
  offset: number
  bytes: number
  maxBytes: number
  what: string
}

interface Header {
  sizeBytes: number
  clusterBytes: number
  clusterBits: number
  l2EntryBytes: 8 | 16
  headerBytes: number
  l1: Table
  refcounts: Table
  snapshots: Table
}

function readHeader(head: Buffer, rest: Buffer): Header {
  if (head.readUInt32BE(0) !== 0x514649fb) throw refused('it has no QCOW2 header')
  const version = head.readUInt32BE(4)
  if (version !== 2 && version !== 3) throw refused(`it is QCOW2 of version ${version}`)
  if (head.readBigUInt64BE(8) !== 0n || head.readUInt32BE(16) !== 0) throw backing()
  if (head.readUInt32BE(32) !== 0) throw encrypted()
  const features = version === 3 ? rest.readBigUInt64BE(0) : 0n
  if (features & 2n)
    throw refused('it is marked corrupt', 'Repair it with qemu-img check -r, or export it again.')
  if (features & 4n) throw dataFile()
  if (features & ~0b11011n) throw refused(`it uses features that are not known (0x${features.toString(16)})`)
  const clusterBits = head.readUInt32BE(20)
  if (clusterBits < 9 || clusterBits > 21) throw refused(`it has clusters of 2^${clusterBits} bytes`)
  const headerBytes = version === 3 ? rest.readUInt32BE(28) : 72
  if (headerBytes < 72 || headerBytes % 8 !== 0 || headerBytes > 2 ** clusterBits)
    throw refused(`its header claims to be ${headerBytes} bytes long`)
  if (version === 3 && rest.readUInt32BE(24) > 6) throw refused('its reference counts are too wide')
  const clusterBytes = 2 ** clusterBits
  return {
    sizeBytes: Number(head.readBigUInt64BE(24)),
    clusterBytes,
    clusterBits,
    l2EntryBytes: features & 16n ? 16 : 8,
    headerBytes,
    l1: {
      offset: Number(head.readBigUInt64BE(40)),
      bytes: head.readUInt32BE(36) * 8,
      maxBytes: 32 * 2 ** 20,
      what: 'first table',
    },
    refcounts: {
      offset: Number(head.readBigUInt64BE(48)),
      bytes: head.readUInt32BE(56) * clusterBytes,
      maxBytes: 8 * 2 ** 20,
      what: 'table of reference counts',
    },
    // 40 bytes each at least; they are not imported.
    snapshots: {
      offset: Number(head.readBigUInt64BE(64)),
      bytes: head.readUInt32BE(60) * 40,
      maxBytes: 1024 * 40,
      what: 'table of snapshots',
    },
  }
}

/** What may follow the header, up to the end of the first cluster. */
async function checkExtensions(file: ImageFile, { headerBytes, clusterBytes }: Header): Promise<void> {
  const area = await file.at(0, Math.min(clusterBytes, file.sizeBytes), 'the header')
  for (let at = headerBytes; at + 8 <= area.length;) {
    const [type, length] = [area.readUInt32BE(at), area.readUInt32BE(at + 4)]
    if (type === 0) return
    if (type === extension.backingFormat) throw backing()
    if (type === extension.dataFile) throw dataFile()
    if (type === extension.encryption) throw encrypted()
    if (length > area.length - at - 8) throw truncated('a header extension')
    if (type === extension.bitmaps && length >= 24)
      await inside(
        file,
        Number(area.readBigUInt64BE(at + 24)),
        Number(area.readBigUInt64BE(at + 16)),
        'table of bitmaps',
      )
    at += 8 + Math.ceil(length / 8) * 8
  }
}

const extension = {
  backingFormat: 0xe2792aca,
  dataFile: 0x44415441,
  encryption: 0x0537be77,
  bitmaps: 0x23852875,
} as const

async function checkClusters(file: ImageFile, header: Header, l1Entries: number): Promise<void> {
  const { clusterBytes, l2EntryBytes } = header
  const used = { tables: 0, clusters: 0, compressed: 0 }
  const table = {
    offset: header.l1.offset,
    count: l1Entries,
    entryBytes: 8 as const,
    what: 'the first table',
  }
  for await (const { bytes, at } of file.entries(table)) {
    const offset = hostOffset(bytes, at)
    if (offset === 0) continue
    used.tables += 1
    if (used.tables * clusterBytes > file.sizeBytes) throw morethanHeld()
    if (offset % clusterBytes !== 0) throw refused('a second table is not where a cluster begins')
    const second = {
      offset,
      count: clusterBytes / l2EntryBytes,
      entryBytes: l2EntryBytes,
      what: 'a second table',
    }
    for await (const entry of file.entries(second)) countCluster(file, header, used, entry)
  }
  // A plain cluster is its own place in the file; a packed one takes some bytes at least.
  if (used.clusters * clusterBytes > file.sizeBytes + clusterBytes || used.compressed * 10 > file.sizeBytes)
    throw morethanHeld()
}

function countCluster(
  file: ImageFile,
  { clusterBits }: Header,
  used: { clusters: number; compressed: number },
  { bytes, at }: { bytes: Buffer; at: number },
): void {
  const packed = (bytes.readUInt8(at) & 0x40) !== 0
  if (packed) {
    const mask = (1n << BigInt(62 - (clusterBits - 8))) - 1n
    if (Number(bytes.readBigUInt64BE(at) & mask) >= file.sizeBytes) throw truncated('a cluster')
    used.compressed += 1
    return
  }
  const offset = hostOffset(bytes, at)
  if (offset === 0) return
  if (offset >= file.sizeBytes) throw truncated('a cluster')
  used.clusters += 1
}

/** Bits 9 to 55 of an entry. */
const hostOffset = (bytes: Buffer, at: number): number =>
  (bytes.readUInt32BE(at) & 0x00ff_ffff) * 2 ** 32 + Math.floor(bytes.readUInt32BE(at + 4) / 512) * 512

async function inside(file: ImageFile, offset: number, bytes: number, what: string): Promise<void> {
  if (bytes > 0) await file.at(offset + bytes - 1, 1, `the ${what}`)
}

const flatten = 'Make one file of it: qemu-img convert -O qcow2 IN OUT.'
const backing = () => refused('it builds on another file (a backing file)', flatten)
const dataFile = () => refused('its data is in another file (a data file)', flatten)
const encrypted = () =>
  refused('it is encrypted', 'Give it decrypted; it is encrypted again by the key of its new home.')
const morethanHeld = () => refused('its tables list more data than the file holds')
