import type { DiskCheck } from '#shared/disks/image/checks/check.ts'
import type { ImageFile } from '#shared/disks/image/image-file.ts'
import { refused, truncated } from '#shared/disks/image/refuse.ts'

/** VHDX without a parent and with an empty log. Microsoft, [MS-VHDX] 2.0. */
export const checkVhdx: DiskCheck = async (file) => {
  await checkLog(file)
  const regions = await readRegions(file)
  const { sizeBytes, blockBytes, sectorBytes } = await readMetadata(file, regions.metadata)
  await checkBlocks(file, regions.blocks, { sizeBytes, blockBytes, sectorBytes })
  return { sizeBytes }
}

const kib = 1024
const guid = {
  blocks: '66 77 c2 2d 23 f6 00 42 9d 64 11 5e 9b fd 4a 08',
  metadata: '06 a2 7c 8b 90 47 9a 4b b8 fe 57 5f 05 0f 88 6e',
  file: '37 67 a1 ca 36 fa 43 4d b3 b6 33 f0 aa 44 e7 6b',
  size: '24 42 a5 2f 1b cd 76 48 b2 11 5d be d8 3b f4 b8',
  sector: '1d bf 41 81 6f a9 09 47 ba 47 f2 33 a8 fa ab 5f',
} as const
const guidAt = (bytes: Buffer, at: number) =>
  bytes
    .toString('hex', at, at + 16)
    .replaceAll(/(..)/g, '$1 ')
    .trim()

/** Of the two headers the one with the higher number counts; a log in it would have to be written back before reading. */
async function checkLog(file: ImageFile): Promise<void> {
  const headers = [
    await file.at(64 * kib, 4 * kib, 'a header'),
    await file.at(128 * kib, 4 * kib, 'a header'),
  ]
  const valid = headers.filter((header) => header.toString('latin1', 0, 4) === 'head')
  const current = valid.toSorted((a, b) => Number(b.readBigUInt64LE(8) - a.readBigUInt64LE(8)))[0]
  if (!current) throw refused('it has no VHDX header')
  if (valid.some((header) => guidAt(header, 48).replaceAll(/[0 ]/g, '') !== ''))
    throw refused(
      'it was not closed properly: its log is not empty',
      'Mount and unmount it once on Windows, then use it again.',
    )
}

interface Region {
  offset: number
  bytes: number
}

async function readRegions(file: ImageFile): Promise<{ blocks: Region; metadata: Region }> {
  const table = await file.at(192 * kib, 64 * kib, 'the region table')
  const count = table.readUInt32LE(8)
  if (table.toString('latin1', 0, 4) !== 'regi' || count > 2047) throw refused('it has no region table')
  const found = new Map<string, Region>()
  for (let index = 0; index < count; index++) {
    const at = 16 + index * 32
    found.set(guidAt(table, at), {
      offset: Number(table.readBigUInt64LE(at + 16)),
      bytes: table.readUInt32LE(at + 24),
    })
  }
  const [blocks, metadata] = [found.get(guid.blocks), found.get(guid.metadata)]
  if (!blocks || !metadata) throw refused('its region table lacks what every VHDX has')
  return { blocks, metadata }
}

async function readMetadata(file: ImageFile, { offset }: Region) {
  const table = await file.at(offset, 64 * kib, 'the metadata')
  const count = table.readUInt16LE(10)
  if (table.toString('latin1', 0, 8) !== 'metadata' || count > 2047) throw refused('it has no metadata')
  const items = new Map<string, Buffer>()
  for (let index = 0; index < count; index++) {
    const at = 32 + index * 32
    const [itemOffset, itemBytes] = [table.readUInt32LE(at + 16), table.readUInt32LE(at + 20)]
    const wanted = Math.min(itemBytes, 64)
    items.set(guidAt(table, at), await file.at(offset + itemOffset, wanted, 'the metadata'))
  }
  const [parameters, size, sector] = [items.get(guid.file), items.get(guid.size), items.get(guid.sector)]
  if (!parameters || parameters.length < 8 || !size || size.length < 8 || !sector || sector.length < 4)
    throw refused('its metadata lacks what every VHDX has')
  if (parameters.readUInt32LE(4) & 2) throw refused('it builds on another file (a parent)')
  const [blockBytes, sectorBytes] = [parameters.readUInt32LE(0), sector.readUInt32LE(0)]
  if (blockBytes < 2 ** 20 || blockBytes > 2 ** 28 || (blockBytes & (blockBytes - 1)) !== 0)
    throw refused(`it has blocks of ${blockBytes} bytes`)
  if (sectorBytes !== 512 && sectorBytes !== 4096) throw refused(`it has sectors of ${sectorBytes} bytes`)
  return { sizeBytes: Number(size.readBigUInt64LE(0)), blockBytes, sectorBytes }
}

/** After each `perBitmap` blocks the table has an entry for a bitmap, which only disks with a parent use. */
async function checkBlocks(
  file: ImageFile,
  region: Region,
  { sizeBytes, blockBytes, sectorBytes }: { sizeBytes: number; blockBytes: number; sectorBytes: number },
): Promise<void> {
  const perBitmap = (2 ** 23 * sectorBytes) / blockBytes
  const blocks = Math.ceil(sizeBytes / blockBytes)
  const count = blocks + Math.floor((blocks - 1) / perBitmap)
  if (count * 8 > region.bytes) throw refused(`its block table is too small for ${sizeBytes} bytes`)
  let present = 0
  const table = { offset: region.offset, count, entryBytes: 8 as const, what: 'the block table' }
  for await (const { index, bytes, at } of file.entries(table)) {
    if (index % (perBitmap + 1) === perBitmap) continue
    const state = bytes.readUInt8(at) & 7
    if (state === partlyPresent) throw refused('it builds on another file (a parent)')
    if (state !== fullyPresent) continue
    present += 1
    const offset = Number(bytes.readBigUInt64LE(at) >> 20n) * 2 ** 20
    if (offset + blockBytes > file.sizeBytes) throw truncated('a block')
  }
  if (present * blockBytes > file.sizeBytes) throw refused('its table lists more data than the file holds')
}

const fullyPresent = 6
const partlyPresent = 7
