import { deflateSync } from 'node:zlib'

/** Reads this part of the disk. */
export type ReadPart = (offset: number, length: number) => Promise<Buffer>

/**
 * A stream optimised VMDK of a disk of whole sectors: compressed grains of 64 KiB, those of zeros left out, each table behind its grains, and
 * where the directory is told by a footer: "Virtual Disk Format 5.0".
 */
export async function* streamVmdk(sizeBytes: number, read: ReadPart): AsyncGenerator<Buffer> {
  let sector = 0
  const counted = (part: Buffer) => {
    sector += part.length / sectorBytes
    return part
  }
  const directory: number[] = []
  yield counted(headerOf(sizeBytes, atEnd))
  yield counted(padded(Buffer.from(descriptorOf(sizeBytes)), (overheadSectors - 1) * sectorBytes))
  for (let from = 0; from < sizeBytes; from += tableBytes) {
    const table = Buffer.alloc(grainsPerTable * 4)
    for (let grain = 0; grain < grainsPerTable; grain++) {
      const offset = from + grain * grainBytes
      if (offset >= sizeBytes) break
      const data = await read(offset, Math.min(grainBytes, sizeBytes - offset))
      if (data.equals(zeros.subarray(0, data.length))) continue
      table.writeUInt32LE(sector, grain * 4)
      yield counted(grainOf(offset, padded(data, grainBytes)))
    }
    const isEmpty = table.every((byte) => byte === 0)
    directory.push(isEmpty ? 0 : sector + 1)
    if (!isEmpty) yield counted(metadataOf(1, table))
  }
  const entries = Buffer.alloc(directory.length * 4)
  for (const [index, at] of directory.entries()) entries.writeUInt32LE(at, index * 4)
  const directoryAt = sector + 1
  yield counted(metadataOf(2, padded(entries, sectorBytes)))
  yield metadataOf(3, headerOf(sizeBytes, BigInt(directoryAt)))
  yield Buffer.alloc(sectorBytes)
}

const sectorBytes = 512
const grainBytes = 65_536
const grainsPerTable = 512
const tableBytes = grainBytes * grainsPerTable
const overheadSectors = 128
const atEnd = 0xffff_ffff_ffff_ffffn
const zeros = Buffer.alloc(grainBytes)

function headerOf(sizeBytes: number, directoryAt: bigint): Buffer {
  const header = Buffer.alloc(sectorBytes)
  header.write('KDMV', 'latin1')
  header.writeUInt32LE(3, 4)
  // Its line ends can be tested, grains are compressed, and markers stand before everything.
  header.writeUInt32LE(0x3_0001, 8)
  header.writeBigUInt64LE(BigInt(sizeBytes / sectorBytes), 12)
  header.writeBigUInt64LE(BigInt(grainBytes / sectorBytes), 20)
  header.writeBigUInt64LE(1n, 28)
  header.writeBigUInt64LE(BigInt(overheadSectors - 1), 36)
  header.writeUInt32LE(grainsPerTable, 44)
  header.writeBigUInt64LE(directoryAt, 56)
  header.writeBigUInt64LE(BigInt(overheadSectors), 64)
  header.write('\n \r\n', 73, 'latin1')
  header.writeUInt16LE(1, 77)
  return header
}

function descriptorOf(sizeBytes: number): string {
  const sectors = sizeBytes / sectorBytes
  return [
    '# Disk DescriptorFile',
    'version=1',
    'CID=7f3a0001',
    'parentCID=ffffffff',
    'createType="streamOptimized"',
    `RW ${sectors} SPARSE "disk.vmdk"`,
    'ddb.adapterType = "lsilogic"',
    `ddb.geometry.cylinders = "${Math.min(65_535, Math.ceil(sectors / (255 * 63)))}"`,
    'ddb.geometry.heads = "255"',
    'ddb.geometry.sectors = "63"',
    'ddb.virtualHWVersion = "4"',
    '',
  ].join('\n')
}

function grainOf(offset: number, data: Buffer): Buffer {
  const packed = deflateSync(data)
  const marker = Buffer.alloc(12)
  marker.writeBigUInt64LE(BigInt(offset / sectorBytes))
  marker.writeUInt32LE(packed.length, 8)
  return padded(Buffer.concat([marker, packed]), sectorBytes)
}

/** 1 is a table, 2 the directory, 3 the footer. */
function metadataOf(kind: 1 | 2 | 3, data: Buffer): Buffer {
  const marker = Buffer.alloc(sectorBytes)
  marker.writeBigUInt64LE(BigInt(data.length / sectorBytes))
  marker.writeUInt32LE(kind, 12)
  return Buffer.concat([marker, data])
}

const padded = (data: Buffer, unit: number): Buffer =>
  Buffer.concat([data, Buffer.alloc((unit - (data.length % unit)) % unit)])
