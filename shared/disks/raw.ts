import { constants, type Stats } from 'node:fs'
import { open, unlink, type FileHandle } from 'node:fs/promises'
import { DiskError } from '#shared/disks/errors.ts'
import { readAndHash, startReaders } from '#shared/disks/file-reader.ts'
import { ownBuffer } from '#shared/disks/hash.ts'
import { dataExtents } from '#shared/disks/holes.ts'
import type { DiskSink } from '#shared/disks/port.ts'
import type { HashingSource } from '#shared/disks/read.ts'

/** Smaller chunks cost more hops between threads, larger ones miss the caches; 512 KiB is near the best, and what EBS wants. */
const PREFERRED_CHUNK_BYTES = 512 << 10

/**
 * Opens a raw disk image for reading. Only regular files: a symbolic link could lead out of the folder that images may
 * lie in, and devices and pipes have no fixed size.
 */
export const openRawSource = async (path: string): Promise<HashingSource> => {
  const { file, stats } = await openRegular(path, constants.O_RDONLY)
  const reading = new Set<Promise<unknown>>()

  const readHashed: HashingSource['readHashed'] = async (target, offset, signal) => {
    signal?.throwIfAborted()
    checkBounds(path, offset, target.length, stats.size)
    const chunk = readAndHash(file.fd, offset, target)
    reading.add(chunk)
    const { data, bytesRead, digest } = await chunk
      .catch(explain(path, 'read'))
      .finally(() => reading.delete(chunk))
    if (bytesRead === data.length) return { data, ...(digest && { digest }) }
    throw new DiskError(
      `${path} ends at ${offset + bytesRead} of ${stats.size} bytes: it was cut while being read`,
      {
        code: 'short_read',
        remedy: 'leave the image alone while it is being copied',
      },
    )
  }

  return {
    sizeBytes: stats.size,
    granularityBytes: 1,
    preferredChunkBytes: PREFERRED_CHUNK_BYTES,
    extents: (signal) => dataExtents(file, stats.size, signal),
    read: async ({ offset, length }, signal) => (await readHashed(ownBuffer(length), offset, signal)).data,
    readHashed,
    prepare: startReaders,
    async close() {
      // The threads know the file by its number, which the system gives to another file once this one is closed.
      await Promise.allSettled(reading)
      await file.close()
    },
  }
}

export interface RawSinkOptions {
  sizeBytes: number
  /** True: makes the file, sparse, and refuses to overwrite one. False: it must exist with exactly this size. */
  create: boolean
  /**
   * For an existing file: vouch that all that was not written by this very transfer reads as zero (it was made by an
   * earlier, interrupted run). Otherwise only a file that is one hole counts as zeroed.
   */
  zeroed?: boolean
}

/** Opens a raw disk image for writing; regular files only. Chunks of zeros that the copier skips stay holes. */
export const openRawSink = async (path: string, options: RawSinkOptions): Promise<DiskSink> => {
  const { sizeBytes, create } = options
  const flags = create ? constants.O_RDWR | constants.O_CREAT | constants.O_EXCL : constants.O_RDWR
  const { file, stats } = await openRegular(path, flags)
  if (create)
    await file.truncate(sizeBytes).catch(async (error: NodeJS.ErrnoException) => {
      await Promise.all([file.close(), unlink(path)])
      explain(path, 'resize')(error)
    })
  else if (stats.size !== sizeBytes) {
    await file.close()
    throw new DiskError(`${path} has ${stats.size} bytes, not ${sizeBytes}`, { code: 'size_mismatch' })
  }
  const writeback = backgroundWriteback(file)
  return {
    sizeBytes,
    granularityBytes: 1,
    preferredChunkBytes: PREFERRED_CHUNK_BYTES,
    zeroed: create || (options.zeroed ?? (await isAllHole(file, sizeBytes))),
    // Handed to the kernel from the very memory that was hashed; that it arrived is proved by reading it back.
    async write({ offset, data }, signal) {
      checkBounds(path, offset, data.length, sizeBytes)
      for (let written = 0; written < data.length;) {
        signal?.throwIfAborted()
        const { bytesWritten } = await file
          .write(data, written, Math.min(WRITE_BYTES, data.length - written), offset + written)
          .catch(explain(path, 'write'))
        written += bytesWritten
      }
      writeback.wrote(data.length)
    },
    async flush() {
      const failure = await writeback.settle()
      if (failure !== undefined) explain(path, 'flush')(failure as NodeJS.ErrnoException)
      await file.sync().catch(explain(path, 'flush'))
    },
    async close() {
      await writeback.settle()
      await file.close()
    },
  }
}

/** Begins to bring dirty pages to the disk while copying goes on, so that the last flush has little left to do. */
const backgroundWriteback = (file: FileHandle) => {
  let dirtyBytes = 0
  let running: Promise<void> | undefined
  let failure: { error: unknown } | undefined
  return {
    wrote(bytes: number): void {
      dirtyBytes += bytes
      if (dirtyBytes < WRITEBACK_BYTES || running) return
      dirtyBytes = 0
      running = file
        .datasync()
        .catch((error: unknown) => {
          failure ??= { error }
        })
        .finally(() => {
          running = undefined
        })
    },
    /** Waits for what runs. The failure, if any: the kernel reports it only once, so the last flush would not see it. */
    async settle(): Promise<unknown> {
      await running
      return failure?.error
    },
  }
}

const isAllHole = async (file: FileHandle, sizeBytes: number): Promise<boolean> => {
  for await (const _ of dataExtents(file, sizeBytes)) return false
  return true
}

const WRITEBACK_BYTES = 16 << 20

/** Larger single writes make the kernel take larger folios, on some virtual machines from memory that the host has yet to supply: twice the time. */
const WRITE_BYTES = 256 << 10

const openRegular = async (path: string, flags: number): Promise<{ file: FileHandle; stats: Stats }> => {
  // O_NONBLOCK: opening a pipe must not wait for its other end.
  const safely = flags | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const file = await open(path, safely, 0o600).catch(explain(path, 'open'))
  const stats = await file.stat()
  if (stats.isFile()) return { file, stats }
  await file.close()
  throw notRaw(path)
}

const notRaw = (path: string, cause?: unknown): DiskError =>
  new DiskError(`${path} is not a regular file`, {
    code: 'not_a_raw_disk',
    remedy: 'name the image file itself, not a link, a folder or a device',
    cause,
  })

const checkBounds = (path: string, offset: number, length: number, sizeBytes: number): void => {
  if (offset >= 0 && length >= 0 && offset + length <= sizeBytes) return
  throw new DiskError(`${offset}+${length} is outside of ${path}, which has ${sizeBytes} bytes`, {
    code: 'out_of_bounds',
  })
}

/** Turns the operating system's error into ours. */
const explain =
  (path: string, doing: string) =>
  (cause: NodeJS.ErrnoException): never => {
    const code = cause.code ?? 'unknown error'
    if (code === 'ELOOP' || code === 'EISDIR' || code === 'ENXIO') throw notRaw(path, cause)
    const [name, kind, remedy] = KNOWN[code] ?? (['io', 'retryable', undefined] as const)
    const facts = { code: name, kind, cause, details: { path, errno: code }, ...(remedy && { remedy }) }
    throw new DiskError(`could not ${doing} ${path}: ${code}`, facts)
  }

const KNOWN: Record<string, readonly [code: string, kind: 'permanent', remedy: string] | undefined> = {
  ENOENT: ['not_found', 'permanent', 'check the path; its folder must exist'],
  ENOTDIR: ['not_found', 'permanent', 'check the path; its folder must exist'],
  EEXIST: ['exists', 'permanent', 'choose another name, or delete the file first'],
  EACCES: ['forbidden', 'permanent', 'give this process the right to use the file'],
  EPERM: ['forbidden', 'permanent', 'give this process the right to use the file'],
  EROFS: ['forbidden', 'permanent', 'the file system is read-only; choose another folder'],
  ENOSPC: ['no_space', 'permanent', 'make room, or choose another folder'],
  EDQUOT: ['no_space', 'permanent', 'make room, or choose another folder'],
  EFBIG: ['no_space', 'permanent', 'the file system cannot hold a file of this size; choose another folder'],
}
