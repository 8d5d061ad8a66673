import { crc32 } from 'node:zlib'

export const MIB = 1 << 20
export const LINUX = '0fc63daf-8483-4772-8e79-3d69d8477de4'
export const ESP = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b'
export const BIOS_BOOT = '21686148-6449-6e6f-744e-656564454649'

/** In sectors. */
export interface Entry {
  type: number
  first: number
  sectors: number
  active?: boolean
}

/** Writes a partition table and boot code into sector 0, or an extended boot record at `at`. */
export const writeMbr = (disk: Buffer, entries: Entry[], { at = 0, code = '' } = {}): Buffer => {
  disk.write(code, at, 'latin1')
  for (const [i, { type, first, sectors, active }] of entries.entries()) {
    const entry = at + 446 + 16 * i
    disk.writeUInt8(active ? 0x80 : 0, entry)
    disk.writeUInt8(type, entry + 4)
    disk.writeUInt32LE(first, entry + 8)
    disk.writeUInt32LE(sectors, entry + 12)
  }
  disk.writeUInt16BE(0x55aa, at + 510)
  return disk
}

const uuidBytes = (uuid: string): Buffer => {
  const [a = '', b = '', c = '', d = '', e = ''] = uuid.split('-')
  const reversed = (hex: string): Buffer => Buffer.from(Buffer.from(hex, 'hex').toReversed())
  return Buffer.concat([reversed(a), reversed(b), reversed(c), Buffer.from(d + e, 'hex')])
}

/** In sectors; `last` belongs to it. */
export interface GptEntry {
  type: string
  first: number
  last: number
  name?: string
  legacyBootable?: boolean
}

/** Writes a protective MBR and both copies of a GPT. */
export const writeGpt = (disk: Buffer, list: GptEntry[], { sector = 512, code = '' } = {}): Buffer => {
  writeMbr(disk, [{ type: 0xee, first: 1, sectors: disk.length / 512 - 1 }], { code })
  const entries = Buffer.alloc(128 * 128)
  for (const [i, { type, first, last, name = '', legacyBootable }] of list.entries()) {
    const entry = entries.subarray(i * 128, (i + 1) * 128)
    uuidBytes(type).copy(entry)
    entry.writeBigUInt64LE(BigInt(first), 32)
    entry.writeBigUInt64LE(BigInt(last), 40)
    entry.writeUInt8(legacyBootable ? 4 : 0, 48)
    entry.write(name, 56, 'utf16le')
  }
  const lastLba = disk.length / sector - 1
  for (const [lba, table] of [
    [1, 2],
    [lastLba, lastLba - entries.length / sector],
  ] as const) {
    const header = Buffer.alloc(92)
    header.write('EFI PART', 'latin1')
    header.writeUInt32LE(92, 12)
    header.writeBigUInt64LE(BigInt(table), 72)
    header.writeUInt32LE(128, 80)
    header.writeUInt32LE(128, 84)
    header.writeUInt32LE(crc32(entries), 88)
    header.writeUInt32LE(crc32(header), 16)
    header.copy(disk, lba * sector)
    entries.copy(disk, table * sector)
  }
  return disk
}

/** Makes the header's own checksum right again, so that its nonsense is looked at. */
export const resignGpt = (disk: Buffer): void => {
  const length = disk.readUInt32LE(512 + 12)
  if (length < 20 || length > 512) return
  disk.writeUInt32LE(0, 512 + 16)
  disk.writeUInt32LE(crc32(disk.subarray(512, 512 + length)), 512 + 16)
}
