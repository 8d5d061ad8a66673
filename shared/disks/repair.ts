import { chunkCopier } from '#shared/disks/copy.ts'
import { bytesOf, checkSizes, chunkCount, chunkExtent } from '#shared/disks/grid.ts'
import { createChunkSet, members } from '#shared/disks/chunk-set.ts'
import { groupCommit } from '#shared/disks/group-commit.ts'
import type { CopyJournal } from '#shared/disks/journal.ts'
import type { CopiedChunk, DiskSink, DiskSource, Extent } from '#shared/disks/port.ts'
import { retryIntegrity } from '#shared/disks/retry.ts'
import { runWindow } from '#shared/disks/window.ts'

export interface RepairOptions {
  /** The disk that was copied, not the destination. */
  source: DiskSource
  sink: DiskSink
  /** The journal of the copy; takes the digests of what is copied now. */
  journal: CopyJournal
  /** What `verifyDisk` found. */
  mismatches: Extent[]
  slots: number
  signal: AbortSignal
  onProgress?: (bytesDone: number, bytesTotal: number) => void
}

/**
 * Copies every chunk that a mismatch touches once more, zeros included, as long as the sink still takes writes. Verify again
 * afterwards. Same promises as `copyDisk` about failures and aborts.
 */
export const repairChunks = async (options: RepairOptions): Promise<{ bytesWritten: number }> => {
  const { source, sink, journal, slots, signal } = options
  signal.throwIfAborted()
  checkSizes(source, sink)
  const { header: grid } = await journal.open()
  const chunks = createChunkSet(chunkCount(grid))
  for (const { offset, length } of options.mismatches) {
    const end = Math.min(Math.ceil((offset + length) / grid.chunkBytes), chunks.count)
    chunks.addRange(Math.floor(offset / grid.chunkBytes), end)
  }
  const bytesTotal = bytesOf(grid, chunks)
  const copyChunk = chunkCopier({ source, sink, grid, slots, signal, alwaysWrite: true })
  const record = groupCommit<CopiedChunk>((list) => journal.record(list))
  const queue = members(chunks)
  let bytesWritten = 0

  await runWindow<number>({
    slots,
    signal,
    next: () => queue.next().value,
    work: async (chunk, slot, stopping) => {
      const retry = { attempts: 4, backoffMs: 200, stopping }
      const { sha256 } = await retryIntegrity(() => copyChunk(chunk, slot), retry)
      await record({ index: chunk, ...(sha256 && { sha256 }) })
      bytesWritten += chunkExtent(grid, chunk).length
      options.onProgress?.(bytesWritten, bytesTotal)
    },
  })
  await sink.flush()
  return { bytesWritten }
}
