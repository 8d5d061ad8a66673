import { DiskError } from '#shared/disks/errors.ts'
import { ownBuffer, sha256 } from '#shared/disks/hash.ts'
import type { DiskSource, Extent } from '#shared/disks/port.ts'
import { isZero } from '#shared/disks/zeros.ts'

/** What was read, with its digest. */
export interface HashedBytes {
  data: Buffer
  /** SHA-256; undefined if all bytes are zero. */
  digest?: Buffer
  /** The memory is the reader's own and may be given as `spare` to a later read. */
  owned: boolean
}

/** A source that hashes on its way, which saves a copy and a hop between threads per chunk. */
export interface HashingSource extends DiskSource {
  /** Reads the `target.length` bytes at `offset` into the memory of `target`, which comes back as `data`. */
  readHashed(target: Buffer, offset: number, signal?: AbortSignal): Promise<Omit<HashedBytes, 'owned'>>
  /** To be called some 50 ms before the first read, if there is something else to do. */
  prepare(): void
}

/** Does the source hash by itself? */
export const isHashing = (source: DiskSource): source is HashingSource => 'readHashed' in source

/** Reads any range, aligned or not, and hashes it. What lies past the source's end counts as zeros. */
export const readHashed = async (
  source: DiskSource,
  extent: Extent,
  signal?: AbortSignal,
  spare?: Buffer,
): Promise<HashedBytes> => {
  const { offset, length } = extent
  if (isHashing(source) && source.granularityBytes === 1 && offset + length <= source.sizeBytes) {
    const target = spare?.length === length ? spare : ownBuffer(length)
    return { ...(await source.readHashed(target, offset, signal)), owned: true }
  }
  const data = await readRange(source, extent, signal)
  return { data, owned: false, ...(!isZero(data) && { digest: await sha256(data) }) }
}

/** Reads any range, aligned or not: the source is asked for whole granules, and what lies past its end reads as zeros. */
export const readRange = async (
  source: DiskSource,
  { offset, length }: Extent,
  signal?: AbortSignal,
): Promise<Buffer> => {
  const granule = source.granularityBytes
  const end = Math.min(offset + length, source.sizeBytes)
  const alignedStart = Math.floor(offset / granule) * granule
  const alignedEnd = Math.min(Math.ceil(end / granule) * granule, source.sizeBytes)
  const wanted: Extent = { offset: alignedStart, length: alignedEnd - alignedStart }
  if (alignedStart === offset && wanted.length === length) return readExactly(source, wanted, signal)
  const data = Buffer.alloc(length)
  if (end > offset) (await readExactly(source, wanted, signal)).copy(data, 0, offset - alignedStart)
  return data
}

const readExactly = async (source: DiskSource, extent: Extent, signal?: AbortSignal): Promise<Buffer> => {
  const data = await source.read(extent, signal)
  if (data.length === extent.length) return data
  throw new DiskError(`the source gave ${data.length} of the ${extent.length} bytes at ${extent.offset}`, {
    code: 'short_read',
    kind: 'retryable',
    details: { ...extent, got: data.length },
  })
}
