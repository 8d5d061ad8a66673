import { constants, statSync } from 'node:fs'
import { copyFile, mkdir, open, rm, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { createHandles } from './handles.ts'
import { fileNameOf } from './names.ts'
import { addRange, copyGranules, granuleBytes, readFully, scanNonzero, type Granules } from './sparse.ts'
import type { StoredDisk } from './types.ts'

/** Disks as sparse files, by the vendor's id of a volume, a snapshot, an image or a page blob. Offsets and sizes are bytes. */
export interface DiskStore {
  /** A disk of zeros. Throws if the id is taken. */
  create(id: string, sizeBytes: number): Promise<StoredDisk>
  /** A copy of a raw disk image, without its holes and zeros. */
  import(id: string, rawPath: string): Promise<StoredDisk>
  /** A copy of another disk, holes kept: 50 MiB of data in about 40 ms, by reference where the file system can. */
  clone(newId: string, fromId: string): Promise<StoredDisk>
  /** Exactly `length` bytes. Throws RangeError beyond the end. */
  read(id: string, offset: number, length: number): Promise<Buffer>
  write(id: string, offset: number, data: Buffer): Promise<void>
  /**
   * Ascending indexes of the blocks of this size that hold a nonzero byte or were ever written. Known to 4 KiB: of smaller blocks,
   * the neighbours within 4 KiB count too.
   */
  allocated(id: string, blockBytes: number): Promise<number[]>
  /** Corrupts the stored byte at `offset`. */
  flip(id: string, offset: number): Promise<void>
  resize(id: string, sizeBytes: number): Promise<void>
  /** The file, for a virtual machine to run on. What it writes there is seen by `read`, `allocated` and `clone`. */
  path(id: string): string
  size(id: string): number
  has(id: string): boolean
  /** Deletes the disk; one that does not exist is fine. Copies of it that were begun before are finished first. */
  remove(id: string): Promise<void>
  /** Closes the files and leaves them where they are. */
  close(): Promise<void>
}

interface Disk {
  path: string
  sizeBytes: number
  granules: Granules
  /** Blocks the file occupied when `granules` was last known to be complete; undefined while only this store can write. */
  knownBlocks?: number
  /** Copies being made of it. */
  copying: Set<Promise<unknown>>
}

/** Opens a store in a directory, which is made when missing. */
export function createDiskStore(dir: string): DiskStore {
  const disks = new Map<string, Disk>()
  /** Ids whose files are on their way out. */
  const leaving = new Map<string, Promise<void>>()
  const handles = createHandles()

  const get = (id: string): Disk => {
    const disk = disks.get(id)
    if (!disk) throw new Error(`no stored disk ${id}`)
    return disk
  }
  const inside = (id: string, offset: number, length: number): Disk => {
    const disk = get(id)
    if (offset < 0 || length < 0 || offset + length > disk.sizeBytes) {
      throw new RangeError(`${length} bytes at ${offset} are outside disk ${id} of ${disk.sizeBytes} bytes`)
    }
    return disk
  }
  /** Enters a disk once `fill` has made its file, so that no half made disk is ever seen. */
  const make = async (
    id: string,
    sizeBytes: number,
    fill: (disk: Disk) => Promise<void>,
  ): Promise<StoredDisk> => {
    if (disks.has(id)) throw new Error(`disk ${id} is stored already`)
    await leaving.get(id)
    await mkdir(dir, { recursive: true })
    const path = join(dir, `${fileNameOf(id)}.raw`)
    const disk: Disk = { path, sizeBytes, granules: new Set(), copying: new Set() }
    await fill(disk)
    disks.set(id, disk)
    return { id, path: disk.path, sizeBytes }
  }

  const copy = async (newId: string, from: Disk): Promise<StoredDisk> => {
    await catchUp(from)
    return make(newId, from.sizeBytes, async (disk) => {
      disk.granules = new Set(from.granules)
      if (await reflink(from.path, disk.path)) return
      await makeZeros(disk)
      await handles.use(from.path, (source) =>
        handles.use(disk.path, (file) => copyGranules(source, file, disk.sizeBytes, disk.granules)),
      )
    })
  }

  const unlink = async ({ path, copying }: Disk): Promise<void> => {
    await Promise.allSettled(copying)
    await handles.forget(path)
    await rm(path, { force: true })
  }

  return {
    create: (id, sizeBytes) => make(id, sizeBytes, makeZeros),

    async import(id, rawPath) {
      const source = await open(rawPath, 'r')
      try {
        const { size } = await source.stat()
        return await make(id, size, async (disk) => {
          await makeZeros(disk)
          await scanNonzero(source, size, disk.granules)
          await handles.use(disk.path, (file) => copyGranules(source, file, size, disk.granules))
        })
      } finally {
        await source.close()
      }
    },

    async clone(newId, fromId) {
      const from = get(fromId)
      const copied = copy(newId, from)
      from.copying.add(copied)
      try {
        return await copied
      } finally {
        from.copying.delete(copied)
      }
    },

    async read(id, offset, length) {
      const disk = inside(id, offset, length)
      const buffer = Buffer.allocUnsafe(length)
      await handles.use(disk.path, (file) => readFully(file, buffer, offset))
      return buffer
    },

    async write(id, offset, data) {
      const disk = inside(id, offset, data.length)
      addRange(disk.granules, offset, data.length)
      await handles.use(disk.path, (file) => file.write(data, 0, data.length, offset))
    },

    async allocated(id, blockBytes) {
      const disk = get(id)
      await catchUp(disk)
      const blocks = new Set<number>()
      for (const index of disk.granules) {
        const start = index * granuleBytes
        const end = Math.min(start + granuleBytes, disk.sizeBytes)
        for (let block = Math.floor(start / blockBytes); block * blockBytes < end; block++) blocks.add(block)
      }
      return [...blocks].toSorted((a, b) => a - b)
    },

    async flip(id, offset) {
      const byte = await this.read(id, offset, 1)
      byte[0] = (byte[0] ?? 0) ^ 1
      await this.write(id, offset, byte)
    },

    async resize(id, sizeBytes) {
      const disk = get(id)
      await truncate(disk.path, sizeBytes)
      disk.sizeBytes = sizeBytes
      for (const index of disk.granules) {
        if (index * granuleBytes >= sizeBytes) disk.granules.delete(index)
      }
    },

    path(id) {
      const disk = get(id)
      disk.knownBlocks ??= statSync(disk.path).blocks
      return disk.path
    },

    size: (id) => get(id).sizeBytes,
    has: (id) => disks.has(id),

    async remove(id) {
      const disk = disks.get(id)
      if (!disk) return
      disks.delete(id)
      const gone = unlink(disk)
      leaving.set(id, gone)
      await gone.finally(() => leaving.delete(id))
    },

    close: () => handles.close(),
  }
}

async function makeZeros({ path, sizeBytes }: Disk): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.truncate(sizeBytes)
  } finally {
    await file.close()
  }
}

/** Finds what others wrote to a disk whose path was given out. As long as the file occupies no more blocks, they filled no hole. */
async function catchUp(disk: Disk): Promise<void> {
  if (disk.knownBlocks === undefined) return
  const { blocks, blksize } = await stat(disk.path)
  if (blocks === disk.knownBlocks && blksize <= granuleBytes) return
  const file = await open(disk.path, 'r')
  try {
    await scanNonzero(file, disk.sizeBytes, disk.granules)
  } finally {
    await file.close()
  }
  disk.knownBlocks = blocks
}

async function reflink(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE)
    return true
  } catch {
    return false
  }
}
