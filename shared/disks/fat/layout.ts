export const sectorBytes = 512
export const entryBytes = 32
export const reservedSectors = 8
export const rootEntries = 512
export const rootSectors = (rootEntries * entryBytes) / sectorBytes
export const fatCount = 2

/** Where things are on a FAT volume. */
export interface Geometry {
  /** How wide an entry of the table is. */
  bits: 12 | 16
  clusterBytes: number
  clusters: number
  fatSectors: number
  /** First sector of cluster 2. */
  dataSector: number
}

/**
 * The smallest clusters that suit the size. How many clusters there are is what makes a volume FAT12 or FAT16 (Microsoft's FAT specification
 * 1.03), so the number must be well inside of one of the two ranges. From 16 MiB on it is FAT16.
 */
export function layOut(sizeBytes: number): Geometry {
  const wide = firstFit(sizeBytes, { bits: 16, clusterBytes: 2048, fewest: 4085, most: 65524 })
  const found = wide ?? firstFit(sizeBytes, { bits: 12, clusterBytes: 512, fewest: 16, most: 4084 })
  if (found !== undefined) return found
  throw new RangeError(`sizeBytes ${sizeBytes} is not possible for FAT12 or FAT16; choose 64 KiB to 2 GiB`)
}

/** What stands in the first sector. `offsetBytes`: where the volume begins on its disk. */
export function bootRecord({
  geometry,
  offsetBytes,
  sizeBytes,
  label,
  serial,
}: {
  geometry: Geometry
  offsetBytes: number
  sizeBytes: number
  label: string
  serial: number
}): Buffer {
  const record = Buffer.alloc(sectorBytes)
  record.write('eb3c90', 'hex')
  record.write('NOVACRON', 3, 'latin1')
  record.writeUInt16LE(sectorBytes, 11)
  record.writeUInt8(geometry.clusterBytes / sectorBytes, 13)
  record.writeUInt16LE(reservedSectors, 14)
  record.writeUInt8(fatCount, 16)
  record.writeUInt16LE(rootEntries, 17)
  const sectors = Math.floor(sizeBytes / sectorBytes)
  if (sectors < 0x10000) record.writeUInt16LE(sectors, 19)
  else record.writeUInt32LE(sectors, 32)
  record.writeUInt8(0xf8, 21) // a fixed disk
  record.writeUInt16LE(geometry.fatSectors, 22)
  record.writeUInt16LE(63, 24)
  record.writeUInt16LE(255, 26)
  record.writeUInt32LE(offsetBytes / sectorBytes, 28)
  record.writeUInt8(0x80, 36)
  record.writeUInt8(0x29, 38) // serial, label and type follow
  record.writeUInt32LE(serial, 39)
  record.write(label.padEnd(11), 43, 'latin1')
  record.write(`FAT${geometry.bits}   `, 54, 'latin1')
  record.write('f4ebfd', 62, 'hex') // hlt; jmp to it: nobody boots from here
  record.writeUInt16BE(0x55aa, 510)
  return record
}

function firstFit(
  sizeBytes: number,
  from: { bits: 12 | 16; clusterBytes: number; fewest: number; most: number },
): Geometry | undefined {
  const { bits, fewest, most } = from
  const sectors = Math.floor(sizeBytes / sectorBytes)
  for (let { clusterBytes } = from; clusterBytes <= 32768; clusterBytes *= 2) {
    const perCluster = clusterBytes / sectorBytes
    const fatSectors = Math.ceil(((Math.ceil(sectors / perCluster) + 2) * (bits / 8)) / sectorBytes)
    const dataSector = reservedSectors + fatCount * fatSectors + rootSectors
    const clusters = Math.floor((sectors - dataSector) / perCluster)
    if (clusters >= fewest && clusters <= most)
      return { bits, clusterBytes, clusters, fatSectors, dataSector }
  }
  return undefined
}
