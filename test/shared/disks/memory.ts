import { createHash } from 'node:crypto'
import { DiskError } from '#shared/disks/errors.ts'
import type { Grid } from '#shared/disks/grid.ts'
import { agreeOnHeader, journalMissing } from '#shared/disks/journal-header.ts'
import type { CopyJournal } from '#shared/disks/journal.ts'
import { createChunkSet } from '#shared/disks/chunk-set.ts'
import type { CopiedChunk, DiskSink, DiskSource, Extent } from '#shared/disks/port.ts'

/** What surrounds each operation of a disk in memory: wait, throw, or change the bytes on their way. */
export interface Hooks {
  onRead?: (extent: Extent, data: Buffer) => void | Promise<void>
  onWrite?: (chunk: { offset: number; data: Buffer }) => void | Promise<void>
}

export interface MemorySource extends DiskSource {
  reads: Extent[]
  inFlight: { now: number; most: number }
}

interface EndOptions extends Hooks {
  granularityBytes?: number
  preferredChunkBytes?: number
}

const breach = (what: string): never => {
  throw new Error(`the port was used wrongly: ${what}`)
}

const checkRange = ({ offset, length }: Extent, sizeBytes: number, granule: number): void => {
  if (offset < 0 || length <= 0 || offset + length > sizeBytes)
    breach(`${offset}+${length} is not on the disk`)
  if (offset % granule !== 0) breach(`${offset} is not a multiple of ${granule}`)
  if (length % granule !== 0 && offset + length !== sizeBytes)
    breach(`length ${length} is not a multiple of ${granule}`)
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const counted = async <T>(inFlight: MemorySource['inFlight'], work: () => Promise<T>): Promise<T> => {
  inFlight.most = Math.max(inFlight.most, ++inFlight.now)
  try {
    return await work()
  } finally {
    inFlight.now--
  }
}

/** A disk to read: `bytes`, of which `extents` are allocated (the rest must be zero). */
export const memorySource = (bytes: Buffer, extents: Extent[], options: EndOptions = {}): MemorySource => {
  const { granularityBytes = 1, preferredChunkBytes = 4096, onRead } = options
  const reads: Extent[] = []
  const inFlight = { now: 0, most: 0 }
  return {
    sizeBytes: bytes.length,
    granularityBytes,
    preferredChunkBytes,
    reads,
    inFlight,
    async *extents(signal) {
      for (const extent of extents) {
        signal?.throwIfAborted()
        yield { ...extent }
      }
    },
    read: (extent, signal) =>
      counted(inFlight, async () => {
        checkRange(extent, bytes.length, granularityBytes)
        reads.push(extent)
        await tick()
        const data = Buffer.from(bytes.subarray(extent.offset, extent.offset + extent.length))
        await onRead?.(extent, data)
        signal?.throwIfAborted()
        return data
      }),
    close: async () => {},
  }
}

export interface MemorySink extends DiskSink {
  bytes: Buffer
  writes: Extent[]
  inFlight: { now: number; most: number }
  flushed: boolean
  /** The same disk, read back. */
  readBack(options?: EndOptions): MemorySource
}

/** A disk to write; one that is not zeroed holds rubbish. Refuses bytes that do not have the digest they came with. */
export const memorySink = (
  sizeBytes: number,
  { zeroed, bytes, ...options }: EndOptions & { zeroed: boolean; bytes?: Buffer },
): MemorySink => {
  const { granularityBytes = 1, preferredChunkBytes = 4096, onWrite } = options
  const content = bytes ?? Buffer.alloc(sizeBytes, zeroed ? 0 : 0xa5)
  const touched: Extent[] = []
  const inFlight = { now: 0, most: 0 }
  const sink: MemorySink = {
    sizeBytes,
    granularityBytes,
    preferredChunkBytes,
    zeroed,
    bytes: content,
    writes: touched,
    inFlight,
    flushed: false,
    write: ({ offset, data, sha256 }, signal) =>
      counted(inFlight, async () => {
        checkRange({ offset, length: data.length }, sizeBytes, granularityBytes)
        const arrived = Buffer.from(data)
        await onWrite?.({ offset, data: arrived })
        await tick()
        signal?.throwIfAborted()
        if (!createHash('sha256').update(arrived).digest().equals(sha256))
          throw new DiskError('what arrived has another digest', { code: 'integrity', kind: 'retryable' })
        arrived.copy(content, offset)
        touched.push({ offset, length: data.length })
      }),
    flush: async () => {
      if (inFlight.now > 0) breach('flush while writing')
      sink.flushed = true
    },
    close: async () => {},
    readBack: (readOptions = {}) =>
      memorySource(content, allocatedIn(content), { granularityBytes, ...readOptions }),
  }
  return sink
}

/** The 512-byte blocks that are not all zeros, joined. */
export const allocatedIn = (bytes: Buffer, block = 512): Extent[] => {
  const extents: Extent[] = []
  for (let offset = 0; offset < bytes.length; offset += block) {
    const piece = bytes.subarray(offset, offset + block)
    if (!piece.some((byte) => byte !== 0)) continue
    const last = extents.at(-1)
    if (last && last.offset + last.length === offset) last.length += piece.length
    else extents.push({ offset, length: piece.length })
  }
  return extents
}

export interface MemoryJournal extends CopyJournal {
  /** What is durable: chunk number to digest (null for zeros). */
  chunks: Map<number, Buffer | null>
  batches: number[]
}

/** A journal that outlives the copier (share `chunks` and `header` to crash and resume). */
export const memoryJournal = (onRecord?: (chunks: CopiedChunk[]) => void | Promise<void>): MemoryJournal => {
  let header: Grid | undefined
  let recording = false
  const chunks: MemoryJournal['chunks'] = new Map()
  const batches: number[] = []
  return {
    chunks,
    batches,
    async open(proposal) {
      if (!header && !proposal) throw journalMissing('in memory')
      header = agreeOnHeader(header ?? (proposal as Grid), proposal)
      const done = createChunkSet(Math.ceil(header.sizeBytes / header.chunkBytes))
      for (const chunk of chunks.keys()) done.add(chunk)
      return { header, done }
    },
    async record(list) {
      if (recording) breach('two commits at once')
      recording = true
      try {
        await tick()
        await onRecord?.(list)
        batches.push(list.length)
        for (const { index, sha256 } of list) chunks.set(index, sha256 ?? null)
      } finally {
        recording = false
      }
    },
    manifest() {
      const grid = header ?? breach('manifest before open')
      return {
        ...grid,
        async *chunks() {
          for (const [index, sha256] of [...chunks].toSorted(([a], [b]) => a - b)) {
            const offset = index * grid.chunkBytes
            if (sha256) yield { offset, length: Math.min(grid.chunkBytes, grid.sizeBytes - offset), sha256 }
          }
        },
      }
    },
  }
}
