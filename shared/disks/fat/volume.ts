import { attribute, encodeEntries, type Entry } from '#shared/disks/fat/entries.ts'
import {
  bootRecord,
  entryBytes,
  fatCount,
  layOut,
  reservedSectors,
  rootEntries,
  sectorBytes,
} from '#shared/disks/fat/layout.ts'

/** A file by its path, e.g. `ETC/FSTAB` or `user-data`. Folders come into being with the files in them. */
export interface FatFile {
  path: string
  data: Buffer
}

/** Bytes that belong at this offset of the volume. */
export interface Piece {
  offset: number
  data: Buffer
}

/**
 * A FAT12 or FAT16 file system (64 KiB to 2 GiB; which one follows from the size) as the pieces that are to be written to where everything
 * reads as zero; free space is in none of them. The same input gives the same bytes. Layout: Microsoft's FAT specification 1.03.
 */
export function fatVolume({
  sizeBytes,
  label,
  serial,
  files,
  offsetBytes = 0,
  spread = false,
}: {
  sizeBytes: number
  /** Up to 11 upper case characters. */
  label: string
  /** 32 bits. */
  serial: number
  files: FatFile[]
  /** Where the volume begins on its disk. */
  offsetBytes?: number
  /** Files lie evenly over the volume, so that data and holes alternate. */
  spread?: boolean
}): Piece[] {
  const geometry = layOut(sizeBytes)
  const { bits, clusterBytes, clusters, fatSectors, dataSector } = geometry
  const endOfChain = 2 ** bits - 1
  const table = new Uint16Array(clusters + 2)
  table[0] = endOfChain - 7
  table[1] = endOfChain

  const pieces: Piece[] = []
  const putSector = (sector: number, data: Buffer) => pieces.push({ offset: sector * sectorBytes, data })
  const putCluster = (cluster: number, data: Buffer) =>
    putSector(dataSector + ((cluster - 2) * clusterBytes) / sectorBytes, data)
  let nextCluster = 2
  /** Takes a run of clusters and chains them. */
  const allocate = (bytes: number): number => {
    const first = nextCluster
    const last = first + Math.max(1, Math.ceil(bytes / clusterBytes)) - 1
    if (last > clusters + 1) throw new RangeError(`the files do not fit a FAT volume of ${sizeBytes} bytes`)
    for (let cluster = first; cluster <= last; cluster++)
      table[cluster] = cluster === last ? endOfChain : cluster + 1
    nextCluster = last + 1
    return first
  }
  const gapClusters = spread ? gapOf(files, geometry) : 0

  /** Puts what is in a folder and returns its entries. */
  const putFolder = (folder: Folder, own: number): Entry[] =>
    [...folder].map(([name, child]) => {
      if (Buffer.isBuffer(child)) {
        const cluster = child.length === 0 ? 0 : allocate(child.length)
        if (child.length > 0) putCluster(cluster, child)
        nextCluster += gapClusters
        return { name, attributes: attribute.file, cluster, sizeBytes: child.length }
      }
      const cluster = allocate(clusterBytes)
      const self = { name: '.', attributes: attribute.folder, cluster, sizeBytes: 0 }
      const all = encodeEntries([self, { ...self, name: '..', cluster: own }, ...putFolder(child, cluster)])
      if (all.length > clusterBytes)
        throw new RangeError(`folder ${name} has more entries than fit one cluster`)
      putCluster(cluster, all)
      return { name, attributes: attribute.folder, cluster, sizeBytes: 0 }
    })

  const labelEntry = { name: label, attributes: attribute.label, cluster: 0, sizeBytes: 0 }
  const root = encodeEntries([labelEntry, ...putFolder(toTree(files), 0)])
  if (root.length > rootEntries * entryBytes) throw new RangeError('more names than fit the root folder')

  putSector(0, bootRecord({ geometry, offsetBytes, sizeBytes, label, serial }))
  const encoded = bits === 16 ? wideTable(table) : narrowTable(table)
  for (let copy = 0; copy < fatCount; copy++) putSector(reservedSectors + copy * fatSectors, encoded)
  putSector(reservedSectors + fatCount * fatSectors, root)
  return pieces
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

/** Folders take at most a cluster each; half of what is left stays behind the last file. */
function gapOf(files: FatFile[], { clusterBytes, clusters }: { clusterBytes: number; clusters: number }) {
  const dataClusters = files.reduce((sum, { data }) => sum + Math.ceil(data.length / clusterBytes), 0)
  return Math.floor((clusters - dataClusters - files.length * 4) / 2 / Math.max(1, files.length))
}

function wideTable(table: Uint16Array): Buffer {
  const bytes = Buffer.alloc(table.length * 2)
  table.forEach((value, index) => bytes.writeUInt16LE(value, index * 2))
  return bytes
}

/** FAT12: two entries share three bytes. */
function narrowTable(table: Uint16Array): Buffer {
  const bytes = Buffer.alloc(Math.ceil(table.length / 2) * 3)
  table.forEach((value, index) => {
    const at = index + (index >> 1)
    const shifted = index % 2 === 0 ? value : value << 4
    bytes.writeUInt16LE(bytes.readUInt16LE(at) | shifted, at)
  })
  return bytes
}
