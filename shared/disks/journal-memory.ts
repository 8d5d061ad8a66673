import { createChunkSet, type ChunkSet } from '#shared/disks/chunk-set.ts'
import { chunkCount, chunkExtent, type Grid } from '#shared/disks/grid.ts'
import type { CopyJournal } from '#shared/disks/journal.ts'

/** The journal of a copy that starts over when its process dies: nothing of it is kept. */
export function memoryJournal(): CopyJournal {
  const digests = new Map<number, Buffer>()
  let grid: Grid | undefined
  let done: ChunkSet | undefined
  const opened = (): Grid => {
    if (grid) return grid
    throw new Error('the journal is not open')
  }
  return {
    open(proposal) {
      grid ??= proposal
      done ??= createChunkSet(chunkCount(opened()))
      return Promise.resolve({ header: opened(), done })
    },
    record(chunks) {
      for (const { index, sha256 } of chunks) {
        if (sha256) digests.set(index, sha256)
        done?.add(index)
      }
      return Promise.resolve()
    },
    manifest() {
      const { sizeBytes, chunkBytes } = opened()
      return {
        sizeBytes,
        chunkBytes,
        async *chunks() {
          for (const [index, sha256] of [...digests].toSorted(([a], [b]) => a - b))
            yield await Promise.resolve({ ...chunkExtent({ sizeBytes, chunkBytes }, index), sha256 })
        },
      }
    },
  }
}
