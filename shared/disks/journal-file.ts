import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { createChunkSet } from '#shared/disks/chunk-set.ts'
import { DiskError } from '#shared/disks/errors.ts'
import { chunkCount, chunkExtent, type Grid } from '#shared/disks/grid.ts'
import { groupCommit } from '#shared/disks/group-commit.ts'
import { agreeOnHeader, journalMissing } from '#shared/disks/journal-header.ts'
import type { CopyJournal } from '#shared/disks/journal.ts'
import type { CopiedChunk, CopyManifest } from '#shared/disks/port.ts'

/** A journal that lives in a file and holds it open until closed. */
export interface FileJournal extends CopyJournal {
  close(): Promise<void>
}

/**
 * A journal in an append-only file: a header, then one record per chunk, each with its CRC. `record` returns after
 * fdatasync. What a crash left half-written at the end is cut off at the next opening. One process at a time.
 */
export const fileJournal = (path: string): FileJournal => {
  let file: FileHandle | undefined
  let header: Grid | undefined
  let records = 0
  let reservedBytes = 0

  /** Reserves written zeros ahead: fdatasync then need not commit a new file length, which saves a quarter of the waiting beside other writes. */
  const reserve = async (handle: FileHandle, end: number): Promise<void> => {
    if (end <= reservedBytes) return
    const from = reservedBytes
    reservedBytes = Math.ceil(end / RESERVE_BYTES) * RESERVE_BYTES
    await writeAll(handle, Buffer.alloc(reservedBytes - from), from)
    await handle.sync()
  }

  const append = groupCommit<CopiedChunk[]>(async (groups) => {
    if (!file || !header) throw new Error('open the journal before recording in it')
    const chunks = groups.flat()
    const start = HEADER_BYTES + records * RECORD_BYTES
    const bytes = Buffer.concat(chunks.map(encodeRecord))
    await reserve(file, start + bytes.length)
    await writeAll(file, bytes, start)
    await file.datasync()
    records += chunks.length
  })

  return {
    async open(proposal) {
      file ??= await openFile(path, proposal !== undefined)
      const found = await readHeader(file, path)
      if (found === undefined) {
        if (proposal === undefined) throw journalMissing(`in ${path}`)
        await writeAll(file, encodeHeader(proposal), 0)
        await file.sync()
      }
      header = agreeOnHeader(found ?? (proposal as Grid), proposal)

      const done = createChunkSet(chunkCount(header))
      records = 0
      for await (const { chunk } of readRecords(file, done.count)) {
        done.add(chunk)
        records++
      }
      const end = HEADER_BYTES + records * RECORD_BYTES
      await file.truncate(end)
      reservedBytes = end
      return { header, done }
    },

    record: (chunks) => append(chunks),

    manifest() {
      if (!file || !header) throw new Error('open the journal before asking for its manifest')
      return manifestOf(file, header)
    },

    async close() {
      const handle = file
      file = undefined
      await handle?.close()
    },
  }
}

// Header: magic (8), disk size u64, chunk size u32, CRC u32. Record: chunk u32, kind u32, digest (32), CRC u32. Little-endian.
const MAGIC = Buffer.from('NOVAJNL1')
const HEADER_BYTES = 24
const RECORD_BYTES = 44
const KIND = { digest: 0x5a01, zeros: 0x5a02 } as const
const RESERVE_BYTES = 1 << 20
const READ_RECORDS = 4096
/** Chunks that the manifest puts in order per pass over the file: 4 MiB of memory. */
const PASS_CHUNKS = 1 << 20

const openFile = async (path: string, create: boolean): Promise<FileHandle> => {
  const flags = constants.O_RDWR | constants.O_NOFOLLOW | (create ? constants.O_CREAT : 0)
  try {
    return await open(path, flags, 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !create) throw journalMissing(`in ${path}`)
    throw error
  }
}

const encodeHeader = ({ sizeBytes, chunkBytes }: Grid): Buffer => {
  const bytes = Buffer.alloc(HEADER_BYTES)
  MAGIC.copy(bytes)
  bytes.writeBigUInt64LE(BigInt(sizeBytes), 8)
  bytes.writeUInt32LE(chunkBytes, 16)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 20)), 20)
  return bytes
}

/** Undefined for a file that holds no whole header yet (new, or its very first write was cut off). */
const readHeader = async (file: FileHandle, path: string): Promise<Grid | undefined> => {
  const bytes = Buffer.alloc(HEADER_BYTES)
  const { bytesRead } = await file.read(bytes, 0, HEADER_BYTES, 0)
  const start = bytes.subarray(0, Math.min(bytesRead, MAGIC.length))
  const ours = start.equals(MAGIC.subarray(0, start.length))
  if (ours && bytesRead < HEADER_BYTES) return undefined
  if (ours && bytes.readUInt32LE(20) === crc32(bytes.subarray(0, 20)))
    return { sizeBytes: Number(bytes.readBigUInt64LE(8)), chunkBytes: bytes.readUInt32LE(16) }
  throw new DiskError(`${path} is not a copy journal, or its header is damaged`, {
    code: 'journal_corrupt',
    remedy: 'delete it to copy the disk from the start',
  })
}

const encodeRecord = ({ index, sha256 }: CopiedChunk): Buffer => {
  const bytes = Buffer.alloc(RECORD_BYTES)
  bytes.writeUInt32LE(index, 0)
  bytes.writeUInt32LE(sha256 ? KIND.digest : KIND.zeros, 4)
  sha256?.copy(bytes, 8)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 40)), 40)
  return bytes
}

interface FoundRecord {
  chunk: number
  /** Undefined for zeros; a view that lives until the next record is asked for. */
  sha256: Buffer | undefined
}

/** The valid records from the start; ends at the first that is not whole, not true, or not of this disk. */
async function* readRecords(file: FileHandle, chunks: number): AsyncGenerator<FoundRecord> {
  const page = Buffer.alloc(RECORD_BYTES * READ_RECORDS)
  for (let position = HEADER_BYTES; ; position += page.length) {
    const filled = await readFully(file, page, position)
    for (let at = 0; at + RECORD_BYTES <= filled; at += RECORD_BYTES) {
      const record = decodeRecord(page.subarray(at, at + RECORD_BYTES))
      if (record === undefined || record.chunk >= chunks) return
      yield record
    }
    if (filled < page.length) return
  }
}

const decodeRecord = (bytes: Buffer): FoundRecord | undefined => {
  const kind = bytes.readUInt32LE(4)
  if (kind !== KIND.digest && kind !== KIND.zeros) return undefined
  if (bytes.readUInt32LE(40) !== crc32(bytes.subarray(0, 40))) return undefined
  return { chunk: bytes.readUInt32LE(0), sha256: kind === KIND.digest ? bytes.subarray(8, 40) : undefined }
}

/** Records lie in the order they were finished; each pass sorts one stretch of the disk by record number. */
const manifestOf = (file: FileHandle, grid: Grid): CopyManifest => ({
  ...grid,
  async *chunks() {
    const count = chunkCount(grid)
    for (let first = 0; first < count; first += PASS_CHUNKS) {
      const span = Math.min(PASS_CHUNKS, count - first)
      const recordOf = new Uint32Array(span)
      let number = 0
      for await (const { chunk, sha256 } of readRecords(file, count)) {
        number++
        if (chunk >= first && chunk < first + span) recordOf[chunk - first] = sha256 ? number : 0
      }
      yield* inOrder(file, grid, first, recordOf)
    }
  },
})

/** Yields the chunks of one pass; neighbours mostly lie in the same page of the file, which is kept. */
async function* inOrder(
  file: FileHandle,
  grid: Grid,
  first: number,
  recordOf: Uint32Array,
): AsyncGenerator<{ offset: number; length: number; sha256: Buffer }> {
  const page = Buffer.alloc(RECORD_BYTES * READ_RECORDS)
  let loaded = -1
  for (const [index, number] of recordOf.entries()) {
    if (number === 0) continue
    const pageNumber = Math.floor((number - 1) / READ_RECORDS)
    if (pageNumber !== loaded) {
      await readFully(file, page, HEADER_BYTES + pageNumber * page.length)
      loaded = pageNumber
    }
    const at = ((number - 1) % READ_RECORDS) * RECORD_BYTES
    yield { ...chunkExtent(grid, first + index), sha256: Buffer.from(page.subarray(at + 8, at + 40)) }
  }
}

const readFully = async (file: FileHandle, into: Buffer, position: number): Promise<number> => {
  let filled = 0
  while (filled < into.length) {
    const { bytesRead } = await file.read(into, filled, into.length - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return filled
}

const writeAll = async (file: FileHandle, bytes: Buffer, position: number): Promise<void> => {
  for (let written = 0; written < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, position + written)
    written += bytesWritten
  }
}
