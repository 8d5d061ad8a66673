import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'

export interface GptPartition {
  /** Of the type: `ef`, a system partition of UEFI; `bios`, where GRUB puts its core; `linux`. */
  type: keyof typeof types
  name: string
  offsetBytes: number
  sizeBytes: number
}

const types = {
  ef: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
  bios: '21686148-6449-6E6F-744E-656564454649',
  linux: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
} as const
const sectorBytes = 512
const entryCount = 128
const entryBytes = 128
const tableSectors = (entryCount * entryBytes) / sectorBytes

/**
 * The first 34 sectors of a disk with a GUID partition table (UEFI specification 2.10, chapter 5), and the last 33, which repeat it. The first
 * sector is the protective MBR, with room for boot code. `seed` makes the GUIDs.
 */
export function guidPartitionTable(
  diskBytes: number,
  seed: string,
  partitions: GptPartition[],
): { head: Buffer; tail: Buffer } {
  const lastLba = diskBytes / sectorBytes - 1
  const table = Buffer.alloc(tableSectors * sectorBytes)
  partitions.forEach((partition, index) => entry(partition, seed).copy(table, index * entryBytes))
  const describe = (ownLba: number, otherLba: number, tableLba: number) =>
    header({ ownLba, otherLba, tableLba, lastLba, table, disk: guidOf(seed) })
  const head = Buffer.concat([protectiveMbr(lastLba), describe(1, lastLba, 2), table])
  const tail = Buffer.concat([table, describe(lastLba, 1, lastLba - tableSectors)])
  return { head, tail }
}

function protectiveMbr(lastLba: number): Buffer {
  const sector = Buffer.alloc(sectorBytes)
  // One partition of type 0xee, from sector 1 to the end.
  sector.write('00000200eeffffff01000000', 446, 'hex')
  sector.writeUInt32LE(Math.min(lastLba, 0xffff_ffff), 458)
  sector.writeUInt16BE(0x55aa, 510)
  return sector
}

function header(of: {
  ownLba: number
  otherLba: number
  tableLba: number
  lastLba: number
  table: Buffer
  disk: Buffer
}): Buffer {
  const sector = Buffer.alloc(sectorBytes)
  sector.write('EFI PART', 'latin1')
  sector.writeUInt32LE(0x10000, 8)
  sector.writeUInt32LE(92, 12)
  sector.writeBigUInt64LE(BigInt(of.ownLba), 24)
  sector.writeBigUInt64LE(BigInt(of.otherLba), 32)
  sector.writeBigUInt64LE(BigInt(2 + tableSectors), 40)
  sector.writeBigUInt64LE(BigInt(of.lastLba - 1 - tableSectors), 48)
  of.disk.copy(sector, 56)
  sector.writeBigUInt64LE(BigInt(of.tableLba), 72)
  sector.writeUInt32LE(entryCount, 80)
  sector.writeUInt32LE(entryBytes, 84)
  sector.writeUInt32LE(crc32(of.table), 88)
  sector.writeUInt32LE(crc32(sector.subarray(0, 92)), 16)
  return sector
}

function entry({ type, name, offsetBytes, sizeBytes }: GptPartition, seed: string): Buffer {
  const bytes = Buffer.alloc(entryBytes)
  mixed(types[type]).copy(bytes)
  guidOf(`${seed} ${name}`).copy(bytes, 16)
  bytes.writeBigUInt64LE(BigInt(offsetBytes / sectorBytes), 32)
  bytes.writeBigUInt64LE(BigInt((offsetBytes + sizeBytes) / sectorBytes - 1), 40)
  bytes.write(name, 56, 72, 'utf16le')
  return bytes
}

/** A random-looking GUID of version 4 that the same words always give. */
function guidOf(words: string): Buffer {
  const bytes = createHash('sha256').update(words).digest().subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(7) & 0x0f) | 0x40, 7)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes
}

/** GUIDs are written with their first three numbers little-endian. */
function mixed(guid: string): Buffer {
  const bytes = Buffer.from(guid.replaceAll('-', ''), 'hex')
  bytes.subarray(0, 4).reverse()
  bytes.subarray(4, 6).reverse()
  bytes.subarray(6, 8).reverse()
  return bytes
}
