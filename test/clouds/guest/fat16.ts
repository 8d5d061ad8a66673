import type { FileHandle } from 'node:fs/promises'

/** A file by its path of upper case 8.3 names, e.g. `ETC/FSTAB`. Folders come into being with the files in them. */
export interface FatFile {
  path: string
  data: Buffer
}

const sectorBytes = 512
const entryBytes = 32
const reservedSectors = 8
const rootEntries = 512
const rootSectors = (rootEntries * entryBytes) / sectorBytes
const fatCount = 2
const endOfChain = 0xffff
/** 1 January 2026, 00:00, as FAT writes dates: the same disk from the same input. */
const date = ((2026 - 1980) << 9) | (1 << 5) | 1

/**
 * Writes a FAT16 file system (16 MiB to 2 GiB) at `offsetBytes` of a file that reads as zero there, and leaves its free space unwritten.
 * Files are spread evenly over the partition, so that data and holes alternate. Layout: Microsoft's FAT specification 1.03.
 */
export async function writeFat16(
  file: FileHandle,
  {
    offsetBytes,
    sizeBytes,
    label,
    serial,
    files,
  }: {
    offsetBytes: number
    sizeBytes: number
    /** Up to 11 upper case characters. */
    label: string
    /** 32 bits. */
    serial: number
    files: FatFile[]
  },
): Promise<void> {
  const geometry = layOut(sizeBytes)
  const { clusterBytes, clusters, fatSectors, dataSector } = geometry
  const table = new Uint16Array(clusters + 2)
  table[0] = 0xfff8
  table[1] = endOfChain

  const write = (sector: number, data: Buffer) =>
    file.write(data, 0, data.length, offsetBytes + sector * sectorBytes)
  const writeAtCluster = (cluster: number, data: Buffer) =>
    write(dataSector + ((cluster - 2) * clusterBytes) / sectorBytes, data)
  let nextCluster = 2
  /** Takes a run of clusters and chains them. */
  const allocate = (bytes: number): number => {
    const first = nextCluster
    const last = first + Math.max(1, Math.ceil(bytes / clusterBytes)) - 1
    if (last > clusters + 1)
      throw new RangeError(`the files do not fit a FAT16 partition of ${sizeBytes} bytes`)
    for (let cluster = first; cluster <= last; cluster++)
      table[cluster] = cluster === last ? endOfChain : cluster + 1
    nextCluster = last + 1
    return first
  }

  const root = toTree(files)
  const dataBytes = files.reduce(
    (sum, { data }) => sum + Math.ceil(data.length / clusterBytes) * clusterBytes,
    0,
  )
  // Folders take at most a cluster each; half of what is left stays behind the last file.
  const gapClusters = Math.floor(
    (clusters - dataBytes / clusterBytes - files.length * 4) / 2 / Math.max(1, files.length),
  )

  /** Writes what is in a folder and returns its entries. */
  const writeFolder = async (folder: Folder, own: number): Promise<Buffer[]> => {
    const entries: Buffer[] = []
    for (const [name, child] of folder) {
      if (Buffer.isBuffer(child)) {
        const cluster = child.length === 0 ? 0 : allocate(child.length)
        if (child.length > 0) await writeAtCluster(cluster, child)
        nextCluster += gapClusters
        entries.push(entry(shortName(name), 0x20, cluster, child.length))
      } else {
        const cluster = allocate(clusterBytes)
        const inside = await writeFolder(child, cluster)
        const dots = [entry('.'.padEnd(11), 0x10, cluster, 0), entry('..'.padEnd(11), 0x10, own, 0)]
        const all = Buffer.concat([...dots, ...inside])
        if (all.length > clusterBytes)
          throw new RangeError(`folder ${name} has more entries than fit one cluster`)
        await writeAtCluster(cluster, all)
        entries.push(entry(shortName(name), 0x10, cluster, 0))
      }
    }
    return entries
  }

  const rootDirectory = Buffer.concat([entry(label.padEnd(11), 0x08, 0, 0), ...(await writeFolder(root, 0))])
  if (rootDirectory.length > rootEntries * entryBytes)
    throw new RangeError(`more than ${rootEntries - 1} files in the root`)

  await write(0, bootRecord({ geometry, offsetBytes, sizeBytes, label, serial }))
  for (let copy = 0; copy < fatCount; copy++)
    await write(reservedSectors + copy * fatSectors, littleEndian(table))
  await write(reservedSectors + fatCount * fatSectors, rootDirectory)
}

interface Geometry {
  clusterBytes: number
  clusters: number
  fatSectors: number
  /** First sector of cluster 2. */
  dataSector: number
}

/** The smallest clusters that keep the number of clusters in FAT16's range, which is what makes it FAT16. */
function layOut(sizeBytes: number): Geometry {
  const sectors = Math.floor(sizeBytes / sectorBytes)
  for (let clusterBytes = 2048; clusterBytes <= 32768; clusterBytes *= 2) {
    const perCluster = clusterBytes / sectorBytes
    const fatSectors = Math.ceil(((Math.ceil(sectors / perCluster) + 2) * 2) / sectorBytes)
    const dataSector = reservedSectors + fatCount * fatSectors + rootSectors
    const clusters = Math.floor((sectors - dataSector) / perCluster)
    if (clusters >= 4085 && clusters < 65525) return { clusterBytes, clusters, fatSectors, dataSector }
  }
  throw new RangeError(`sizeBytes ${sizeBytes} is not possible for FAT16; choose 16 MiB to 2 GiB`)
}

type Folder = Map<string, Folder | Buffer>

function toTree(files: FatFile[]): Folder {
  const root: Folder = new Map()
  for (const { path, data } of files) {
    const names = path.split('/')
    const fileName = names.pop() ?? ''
    let folder = root
    for (const name of names) {
      const child = folder.get(name) ?? new Map<string, Folder | Buffer>()
      if (Buffer.isBuffer(child)) throw new TypeError(`${name} in ${path} is a file as well as a folder`)
      folder.set(name, child)
      folder = child
    }
    folder.set(fileName, data)
  }
  return root
}

function shortName(name: string): string {
  const parts = /^([A-Z0-9_-]{1,8})(?:\.([A-Z0-9_-]{1,3}))?$/.exec(name)
  if (!parts) throw new TypeError(`${name} is not an upper case 8.3 name`)
  return (parts[1] ?? '').padEnd(8) + (parts[2] ?? '').padEnd(3)
}

function entry(name: string, attributes: number, cluster: number, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(entryBytes)
  bytes.write(name, 'latin1')
  bytes.writeUInt8(attributes, 11)
  bytes.writeUInt16LE(date, 16)
  bytes.writeUInt16LE(date, 18)
  bytes.writeUInt16LE(date, 24)
  bytes.writeUInt16LE(cluster, 26)
  bytes.writeUInt32LE(sizeBytes, 28)
  return bytes
}

function bootRecord({
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
  record.write('FAT16   ', 54, 'latin1')
  record.write('f4ebfd', 62, 'hex') // hlt; jmp to it: nobody boots from here
  record.writeUInt16BE(0x55aa, 510)
  return record
}

function littleEndian(table: Uint16Array): Buffer {
  const bytes = Buffer.alloc(table.length * 2)
  table.forEach((value, index) => bytes.writeUInt16LE(value, index * 2))
  return bytes
}
