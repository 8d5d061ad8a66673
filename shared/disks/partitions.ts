import { crc32 } from 'node:zlib'

export interface Partition {
  /** Bytes. */
  start: number
  /** Bytes; cut at the disk's end if the table says more. */
  size: number
  /** MBR: `0x83`; GPT: the type's UUID, lower case. */
  type: string
  /** MBR: marked active. GPT: "legacy BIOS bootable". */
  bootable: boolean
  /** GPT only. */
  name?: string
}

/** Reads `length` bytes at `offset`, or undefined when they are not all on the disk. */
export type SectorReader = (offset: number, length: number) => Promise<Buffer | undefined>

/** The MBR's partitions, extended ones followed, or undefined when sector 0 holds no plausible table. */
export const readMbr = async (
  read: SectorReader,
  sizeBytes: number,
): Promise<{ partitions: Partition[]; protective: boolean } | undefined> => {
  const entries = entriesOf(await read(0, SECTOR))
  if (entries === undefined) return undefined
  const used = entries.filter(({ type, sectors }) => type !== 0 && sectors > 0)
  const logical: Partition[] = []
  for (const { type, first } of used)
    if (isExtended(type)) logical.push(...(await readLogical(read, first, sizeBytes)))
  const primary = used.flatMap((entry) => toPartition(entry, 0, sizeBytes))
  return { partitions: [...primary, ...logical], protective: used.some(({ type }) => type === 0xee) }
}

/** The GPT's partitions, from the copy at the disk's end if the first is damaged; undefined when there is none. */
export const readGpt = async (read: SectorReader, sizeBytes: number): Promise<Partition[] | undefined> => {
  for (const sector of [512, 4096]) {
    const last = Math.floor(sizeBytes / sector) - 1
    for (const lba of [1, last]) {
      const found = await readGptAt(read, lba, sector, sizeBytes)
      if (found) return found
    }
  }
  return undefined
}

const SECTOR = 512

interface MbrEntry {
  active: boolean
  type: number
  first: number
  sectors: number
}

const entriesOf = (sector: Buffer | undefined): MbrEntry[] | undefined => {
  if (sector === undefined || sector.readUInt16BE(510) !== 0x55aa) return undefined
  const entries: MbrEntry[] = []
  for (let at = 446; at < 510; at += 16) {
    const status = sector.readUInt8(at)
    if (status !== 0 && status !== 0x80) return undefined
    const type = sector.readUInt8(at + 4)
    const [first, sectors] = [sector.readUInt32LE(at + 8), sector.readUInt32LE(at + 12)]
    if (type !== 0 && sectors > 0 && first === 0) return undefined
    entries.push({ active: status === 0x80, type, first, sectors })
  }
  return entries
}

const isExtended = (type: number): boolean => type === 0x05 || type === 0x0f || type === 0x85

const toPartition = (
  { active, type, first, sectors }: MbrEntry,
  base: number,
  sizeBytes: number,
): Partition[] => {
  const start = (base + first) * SECTOR
  if (start >= sizeBytes) return []
  const size = Math.min(sectors * SECTOR, sizeBytes - start)
  return [{ start, size, type: `0x${type.toString(16).padStart(2, '0')}`, bootable: active }]
}

/** The chain of extended boot records: each holds one logical partition and a pointer to the next, which may be a loop. */
const readLogical = async (read: SectorReader, base: number, sizeBytes: number): Promise<Partition[]> => {
  const found: Partition[] = []
  let record = base
  for (let hops = 0; hops < MOST_LOGICAL; hops++) {
    const [own, next] = entriesOf(await read(record * SECTOR, SECTOR)) ?? []
    if (own && own.type !== 0 && own.sectors > 0) found.push(...toPartition(own, record, sizeBytes))
    // Every next one lies further on, so a loop ends here.
    if (!next || !isExtended(next.type) || base + next.first <= record) break
    record = base + next.first
  }
  return found
}

const MOST_LOGICAL = 60
const MOST_ENTRIES_BYTES = 1 << 18

const readGptAt = async (
  read: SectorReader,
  lba: number,
  sector: number,
  sizeBytes: number,
): Promise<Partition[] | undefined> => {
  const header = await read(lba * sector, SECTOR)
  if (header?.toString('latin1', 0, 8) !== 'EFI PART') return undefined
  const length = header.readUInt32LE(12)
  if (length < 92 || length > SECTOR) return undefined
  const unsigned = Buffer.from(header.subarray(0, length)).fill(0, 16, 20)
  if (crc32(unsigned) !== header.readUInt32LE(16)) return undefined

  const table = Number(header.readBigUInt64LE(72)) * sector
  const [count, entryBytes] = [header.readUInt32LE(80), header.readUInt32LE(84)]
  if (entryBytes < 128 || entryBytes % 8 !== 0 || count * entryBytes > MOST_ENTRIES_BYTES) return undefined
  const entries = await read(table, count * entryBytes)
  if (entries === undefined || crc32(entries) !== header.readUInt32LE(88)) return undefined

  const found: Partition[] = []
  for (let at = 0; at < entries.length; at += entryBytes)
    found.push(...toGptPartition(entries.subarray(at, at + entryBytes), sector, sizeBytes))
  return found
}

const toGptPartition = (entry: Buffer, sector: number, sizeBytes: number): Partition[] => {
  const type = uuidOf(entry.subarray(0, 16))
  const start = Number(entry.readBigUInt64LE(32)) * sector
  const end = (Number(entry.readBigUInt64LE(40)) + 1) * sector
  if (/^[0-]+$/.test(type) || start >= sizeBytes || end <= start) return []
  const name = entry.toString('utf16le', 56, 128).replace(/\0.*$/s, '')
  const bootable = (entry.readUInt8(48) & 0b100) !== 0
  return [{ start, size: Math.min(end, sizeBytes) - start, type, bootable, ...(name && { name }) }]
}

/** The first three groups are stored little-endian. */
const uuidOf = (bytes: Buffer): string => {
  const group = (...at: number[]): string =>
    at.map((i) => bytes.readUInt8(i).toString(16).padStart(2, '0')).join('')
  return [group(3, 2, 1, 0), group(5, 4), group(7, 6), group(8, 9), group(10, 11, 12, 13, 14, 15)].join('-')
}
