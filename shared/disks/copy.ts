import { createChunkSet, members, type ChunkSet } from '#shared/disks/chunk-set.ts'
import {
  allocatedChunks,
  bytesOf,
  checkSizes,
  chooseChunkBytes,
  chunkCount,
  chunkExtent,
  type Grid,
} from '#shared/disks/grid.ts'
import { groupCommit } from '#shared/disks/group-commit.ts'
import { sha256 } from '#shared/disks/hash.ts'
import type { CopyJournal } from '#shared/disks/journal.ts'
import type { CopiedChunk, CopyManifest, DiskSink, DiskSource } from '#shared/disks/port.ts'
import { isHashing, readHashed } from '#shared/disks/read.ts'
import { retryIntegrity } from '#shared/disks/retry.ts'
import { runWindow } from '#shared/disks/window.ts'

export interface CopyOptions {
  source: DiskSource
  /** At least as large as the source; what is beyond the source's end becomes zero. */
  sink: DiskSink
  journal: CopyJournal
  /** Chunks in flight at once; memory is about two chunks a slot. */
  slots: number
  /**
   * The sink begins with content of its own, and the source lists what is to change there: only that is written. What is not listed stays
   * as it is, so the manifest describes the changes alone.
   */
  changesOnly?: boolean
  /** For a new transfer; a resumed one keeps the chunk size that it began with. */
  chunkBytes?: number
  signal: AbortSignal
  /** Bytes that need copying in all, and how many of them are at the destination and journalled. Never goes back. */
  onProgress?: (bytesDone: number, bytesTotal: number) => void
  /** Called again and again while no chunk has finished for `stallAfterMs`. */
  onStalled?: (sinceMs: number) => void
  stallAfterMs?: number
  /** How often a chunk is tried in all when a checksum fails, and the first wait between tries. */
  integrityAttempts?: number
  integrityBackoffMs?: number
}

export interface CopyResult {
  manifest: CopyManifest
  /** What the copy had to cover: the chunks with listed bytes, or all chunks of a sink that is not zeroed. */
  bytesTotal: number
  /** Of these: found in the journal, written now, and not written because they are zeros on a zeroed sink. */
  bytesResumed: number
  bytesWritten: number
  bytesZeroSkipped: number
  /** Tries that failed a checksum and were made again. */
  integrityRetries: number
}

/**
 * Copies a disk. Each of `slots` lanes reads a chunk, hashes it, writes it, waits until the journal holds it durably,
 * and takes the next: after a crash at any instant at most one chunk a lane is copied again. The promise settles only
 * when nothing is in flight any more, and rejects with the first failure as it came or with the abort's reason.
 */
export const copyDisk = async (options: CopyOptions): Promise<CopyResult> => {
  const { source, sink, journal, slots, signal, changesOnly = false } = options
  if (!Number.isInteger(slots) || slots < 1)
    throw new RangeError(`slots must be a whole number from 1, not ${slots}`)
  signal.throwIfAborted()
  checkSizes(source, sink)
  if (isHashing(source)) source.prepare()

  const chunkBytes = chooseChunkBytes(source, sink, options.chunkBytes)
  const { header: grid, done } = await journal.open({ sizeBytes: sink.sizeBytes, chunkBytes })
  // A journal from another pair of ends may have a chunk size that these cannot take: refused here, not in mid-disk.
  chooseChunkBytes(source, sink, grid.chunkBytes)

  const allocated = await allocatedChunks(source, grid, signal)
  const listedOnly = sink.zeroed || changesOnly
  const pending = listedOnly ? allocated : everyChunk(grid)
  const bytesTotal = bytesOf(grid, pending)
  const hasData = listedOnly ? undefined : allocated
  for (const chunk of members(done)) pending.delete(chunk)

  const tally = { resumed: bytesTotal - bytesOf(grid, pending), written: 0, zeroSkipped: 0, retries: 0 }
  const watch = watchForStall(options)
  const report = (): void => {
    watch.progressed()
    options.onProgress?.(tally.resumed + tally.written + tally.zeroSkipped, bytesTotal)
  }
  const copyChunk = chunkCopier({ source, sink, grid, slots, signal, ...(hasData && { hasData }) })
  const record = groupCommit<CopiedChunk>((chunks) => journal.record(chunks))
  const queue = members(pending)

  try {
    report()
    await runWindow<number>({
      slots,
      signal,
      next: () => queue.next().value,
      work: async (chunk, slot, stopping) => {
        const { sha256: digest, written } = await retryIntegrity(() => copyChunk(chunk, slot), {
          attempts: options.integrityAttempts ?? 4,
          backoffMs: options.integrityBackoffMs ?? 200,
          stopping,
          onRetry: () => tally.retries++,
        })
        await record({ index: chunk, ...(digest && { sha256: digest }) })
        const { length } = chunkExtent(grid, chunk)
        if (written) tally.written += length
        else tally.zeroSkipped += length
        report()
      },
    })
    await sink.flush()
  } finally {
    watch.stop()
  }
  return {
    manifest: journal.manifest(),
    bytesTotal,
    bytesResumed: tally.resumed,
    bytesWritten: tally.written,
    bytesZeroSkipped: tally.zeroSkipped,
    integrityRetries: tally.retries,
  }
}

export interface ChunkCopierOptions {
  source: DiskSource
  sink: DiskSink
  grid: Grid
  slots: number
  signal: AbortSignal
  /** If given, chunks outside it are known to be zeros and are not read. */
  hasData?: ChunkSet
  /** Write zeros even to a zeroed sink: what is there may be something else. */
  alwaysWrite?: boolean
}

/** One chunk from source to sink: read, hash, write. The digest is undefined for zeros. */
export const chunkCopier = (
  options: ChunkCopierOptions,
): ((chunk: number, slot: number) => Promise<{ sha256?: Buffer; written: boolean }>) => {
  const { source, sink, grid, slots, signal, hasData } = options
  const writeZeros = options.alwaysWrite === true || !sink.zeroed
  const spares = Array.from<Buffer | undefined>({ length: slots })
  let zeros: Promise<{ data: Buffer; digest: Buffer }> | undefined

  const writeZeroChunk = async (offset: number, length: number): Promise<{ written: boolean }> => {
    if (!writeZeros) return { written: false }
    if (length === grid.chunkBytes) zeros ??= zeroChunk(length)
    const { data, digest } = await (length === grid.chunkBytes && zeros ? zeros : zeroChunk(length))
    await sink.write({ offset, data, sha256: digest }, signal)
    return { written: true }
  }

  return async (chunk, slot) => {
    const { offset, length } = chunkExtent(grid, chunk)
    if (hasData && !hasData.has(chunk)) return writeZeroChunk(offset, length)

    const { data, digest, owned } = await readHashed(source, { offset, length }, signal, spares[slot])
    spares[slot] = undefined
    const result = digest
      ? await sink
          .write({ offset, data, sha256: digest }, signal)
          .then(() => ({ sha256: digest, written: true }))
      : await writeZeroChunk(offset, length)
    // Only now: a failed write may still be looking at the bytes.
    if (owned) spares[slot] = data
    return result
  }
}

const zeroChunk = async (length: number): Promise<{ data: Buffer; digest: Buffer }> => {
  const data = Buffer.alloc(length)
  return { data, digest: await sha256(data) }
}

const everyChunk = (grid: Grid): ChunkSet => {
  const set = createChunkSet(chunkCount(grid))
  set.addRange(0, set.count)
  return set
}

const watchForStall = ({ onStalled, stallAfterMs = 60_000 }: CopyOptions) => {
  let last = performance.now()
  const timer = setInterval(() => {
    const sinceMs = performance.now() - last
    if (sinceMs >= stallAfterMs) onStalled?.(Math.round(sinceMs))
  }, stallAfterMs / 2).unref()
  return {
    progressed: () => {
      last = performance.now()
    },
    stop: () => clearInterval(timer),
  }
}
