import { createChunkSet, type ChunkSet } from '#shared/disks/chunk-set.ts'
import { DiskError } from '#shared/disks/errors.ts'
import type { DiskSink, DiskSource, Extent } from '#shared/disks/port.ts'

/** The fixed division of a disk into chunks; the last one may be shorter. */
export interface Grid {
  readonly sizeBytes: number
  readonly chunkBytes: number
}

type Ends = Pick<DiskSource, 'granularityBytes' | 'preferredChunkBytes'>

/**
 * The chunk size (bytes) for a copy: the smaller of both preferences, rounded up to what both granularities divide.
 * `asked` overrides the preferences and must itself be such a multiple.
 */
export const chooseChunkBytes = (source: Ends, sink: Ends, asked?: number): number => {
  const step = leastCommonMultiple(source.granularityBytes, sink.granularityBytes)
  const wanted = asked ?? Math.min(source.preferredChunkBytes, sink.preferredChunkBytes)
  const chunkBytes = asked ?? Math.ceil(wanted / step) * step
  if (!Number.isSafeInteger(chunkBytes) || chunkBytes <= 0 || chunkBytes % step !== 0 || chunkBytes > 2 ** 30)
    throw new DiskError(
      `chunkBytes ${chunkBytes} does not fit: both ends together need a multiple of ${step} bytes, 1 GiB at most`,
      { code: 'bad_chunk_size', remedy: `leave chunkBytes out, or give a multiple of ${step}` },
    )
  return chunkBytes
}

/** How many chunks the grid has. */
export const chunkCount = ({ sizeBytes, chunkBytes }: Grid): number => Math.ceil(sizeBytes / chunkBytes)

/** Where chunk `index` lies. */
export const chunkExtent = ({ sizeBytes, chunkBytes }: Grid, index: number): Extent => {
  const offset = index * chunkBytes
  return { offset, length: Math.min(chunkBytes, sizeBytes - offset) }
}

/** Bytes covered by the chunks of `set`. */
export const bytesOf = (grid: Grid, set: ChunkSet): number => {
  const last = chunkCount(grid) - 1
  const shortfall = set.has(last) ? grid.chunkBytes - chunkExtent(grid, last).length : 0
  return set.size * grid.chunkBytes - shortfall
}

/**
 * The chunks that the source's extents touch. Lists the source once, page by page, and refuses extents that
 * overlap, go backwards or leave the disk: a wrong listing would mean bytes that are never copied.
 */
export const allocatedChunks = async (
  source: DiskSource,
  grid: Grid,
  signal?: AbortSignal,
): Promise<ChunkSet> => {
  const set = createChunkSet(chunkCount(grid))
  let end = 0
  for await (const { offset, length } of source.extents(signal)) {
    signal?.throwIfAborted()
    const sane = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && length > 0
    if (!sane || offset < end || offset + length > source.sizeBytes)
      throw new DiskError(
        `the source lists the extent ${offset}+${length} after byte ${end} of a disk of ${source.sizeBytes} bytes`,
        { code: 'bad_extent', details: { offset, length, end, sizeBytes: source.sizeBytes } },
      )
    end = offset + length
    set.addRange(Math.floor(offset / grid.chunkBytes), Math.ceil(end / grid.chunkBytes))
  }
  return set
}

/** Refuses a destination that is smaller than the source. */
export const checkSizes = (source: DiskSource, sink: Pick<DiskSink, 'sizeBytes'>): void => {
  if (sink.sizeBytes >= source.sizeBytes) return
  throw new DiskError(
    `the destination has ${sink.sizeBytes} bytes, the source ${source.sizeBytes}: it does not fit`,
    { code: 'size_mismatch', remedy: 'make the destination disk at least as large as the source disk' },
  )
}

const leastCommonMultiple = (a: number, b: number): number => {
  let [x, y] = [a, b]
  while (y !== 0) [x, y] = [y, x % y]
  return (a / x) * b
}
