import type { FileHandle } from 'node:fs/promises'
import { BrokenFile, bytes, type FileDisk } from '#test/clouds/aws/images/file-bytes.ts'
import { crc32c } from '#test/clouds/core/crc32c.ts'

/** Fixed and dynamic, with an empty log: "[MS-VHDX] Virtual Hard Disk v2 File Format". */
export async function readVhdx(file: FileHandle, sizeBytes: number): Promise<FileDisk> {
  if (sizeBytes < 2 ** 20 || (await bytes(file, 0, 8)).toString('latin1') !== 'vhdxfile')
    throw broken('Unsupported VHDX: it has no file identifier')
  await refuseLog(file)
  const regions = await regionsOf(file)
  const [table, metadata] = [regions.get(blockTableId), regions.get(metadataId)]
  if (table === undefined || metadata === undefined) throw broken('Corrupt VHDX: a region is missing')
  const { blockBytes, diskBytes, sectorBytes } = await parametersOf(file, metadata)
  const blocks = Math.ceil(diskBytes / blockBytes)
  // After so many blocks the table has an entry for a sector bitmap, which only differencing disks use.
  const ratio = (2 ** 23 * sectorBytes) / blockBytes
  const entries = await bytes(file, table, (blocks + Math.floor(blocks / ratio)) * 8)
  return {
    sizeBytes: diskBytes,
    async *chunks() {
      for (let block = 0; block < blocks; block++) {
        const entry = entries.readBigUInt64LE((block + Math.floor(block / ratio)) * 8)
        if (Number(entry & 7n) !== fullyPresent) continue
        const offset = block * blockBytes
        const length = Math.min(blockBytes, diskBytes - offset)
        yield { offset, data: await bytes(file, Number(entry >> 20n) * 2 ** 20, length) }
      }
    },
  }
}

const blockTableId = '2dc27766-f623-4200-9d64-115e9bfd4a08'
const metadataId = '8b7ca206-4790-4b9a-b8fe-575f050f886e'
const fileParametersId = 'caa16737-fa36-4d43-b3b6-33f0aa44e76b'
const diskSizeId = '2fa54224-cd1b-4876-b211-5dbed83bf4b8'
const sectorSizeId = '8141bf1d-a96f-4709-ba47-f233a8faab5f'
const fullyPresent = 6

/** Of two headers the valid one with the higher number counts; what its log holds is not in the file yet. */
async function refuseLog(file: FileHandle): Promise<void> {
  const headers = await Promise.all([2 ** 16, 2 ** 17].map((at) => bytes(file, at, 4096)))
  const [current] = headers
    .filter((header) => header.toString('latin1', 0, 4) === 'head' && hasItsChecksum(header))
    .toSorted((a, b) => Number(b.readBigUInt64LE(8) - a.readBigUInt64LE(8)))
  if (!current) throw broken('Corrupt VHDX: neither header is valid')
  if (current.subarray(48, 64).some((byte) => byte !== 0))
    throw broken('Unsupported VHDX: its log has not been replayed')
}

/** Where the regions begin, by id. */
async function regionsOf(file: FileHandle): Promise<Map<string, number>> {
  const table = await bytes(file, 3 * 2 ** 16, 2 ** 16)
  if (table.toString('latin1', 0, 4) !== 'regi' || !hasItsChecksum(table))
    throw broken('Corrupt VHDX: the region table is not valid')
  return itemsOf(table, { count: table.readUInt32LE(8), from: 16 }, (at) =>
    Number(table.readBigUInt64LE(at + 16)),
  )
}

async function parametersOf(file: FileHandle, metadata: number) {
  const table = await bytes(file, metadata, 2 ** 16)
  if (table.toString('latin1', 0, 8) !== 'metadata') throw broken('Corrupt VHDX: it has no metadata')
  const items = itemsOf(table, { count: table.readUInt16LE(10), from: 32 }, (at) =>
    table.readUInt32LE(at + 16),
  )
  const item = async (id: string, length: number) => {
    const offset = items.get(id)
    if (offset === undefined) throw broken(`Corrupt VHDX: the metadata has no ${id}`)
    return bytes(file, metadata + offset, length)
  }
  const parameters = await item(fileParametersId, 8)
  if ((parameters.readUInt32LE(4) & 2) !== 0) throw broken('Unsupported VHDX: a differencing disk')
  return {
    blockBytes: parameters.readUInt32LE(0),
    diskBytes: Number((await item(diskSizeId, 8)).readBigUInt64LE(0)),
    sectorBytes: (await item(sectorSizeId, 4)).readUInt32LE(0),
  }
}

/** Entries of 32 bytes that begin with an id. */
function itemsOf(
  table: Buffer,
  { count, from }: { count: number; from: number },
  read: (at: number) => number,
): Map<string, number> {
  if (from + count * 32 > table.length) throw broken('Corrupt VHDX: a table is too long')
  const starts = Array.from({ length: count }, (_, index) => from + index * 32)
  return new Map(starts.map((at) => [idOf(table.subarray(at, at + 16)), read(at)]))
}

/** The first three parts are little endian. */
function idOf(raw: Buffer): string {
  const [a, b, c] = [raw.readUInt32LE(0), raw.readUInt16LE(4), raw.readUInt16LE(6)]
  const head = [a.toString(16).padStart(8, '0'), ...[b, c].map((part) => part.toString(16).padStart(4, '0'))]
  return [...head, raw.toString('hex', 8, 10), raw.toString('hex', 10, 16)].join('-')
}

/** CRC-32C of the whole, with zeros for the checksum itself. */
function hasItsChecksum(structure: Buffer): boolean {
  const plain = Buffer.from(structure)
  plain.writeUInt32LE(0, 4)
  return crc32c(plain) === structure.readUInt32LE(4)
}

const broken = (reason: string) => new BrokenFile(`Disk validation failed [${reason}]`)
