import { DiskError } from '#shared/disks/errors.ts'
import { ownBuffer } from '#shared/disks/hash.ts'
import type { DiskSource, Extent } from '#shared/disks/port.ts'

/** A source that can also fill the caller's buffer, which saves an allocation per chunk. */
export interface FillingSource extends DiskSource {
  /** Fills `target` with the `target.length` bytes at `offset`. */
  readInto(target: Buffer, offset: number, signal?: AbortSignal): Promise<void>
}

export interface ReadBytes {
  data: Buffer
  /** The memory is the reader's alone (it may be moved to another thread and used again). */
  owned: boolean
}

/**
 * Reads any range, aligned or not: the source is asked for whole granules, and what lies past its end reads as zero.
 * `spare` is used for the bytes where it fits.
 */
export const readRange = async (
  source: DiskSource,
  { offset, length }: Extent,
  signal?: AbortSignal,
  spare?: Buffer,
): Promise<ReadBytes> => {
  const granule = source.granularityBytes
  const end = Math.min(offset + length, source.sizeBytes)
  const alignedStart = Math.floor(offset / granule) * granule
  const alignedEnd = Math.min(Math.ceil(end / granule) * granule, source.sizeBytes)
  const wanted: Extent = { offset: alignedStart, length: alignedEnd - alignedStart }
  if (alignedStart === offset && wanted.length === length) return readExactly(source, wanted, signal, spare)
  const data = Buffer.alloc(length)
  if (end > offset) (await readExactly(source, wanted, signal)).data.copy(data, 0, offset - alignedStart)
  return { data, owned: true }
}

const readExactly = async (
  source: DiskSource,
  extent: Extent,
  signal?: AbortSignal,
  spare?: Buffer,
): Promise<ReadBytes> => {
  if (isFilling(source)) {
    const data = spare?.length === extent.length ? spare : ownBuffer(extent.length)
    await source.readInto(data, extent.offset, signal)
    return { data, owned: true }
  }
  const data = await source.read(extent, signal)
  if (data.length === extent.length) return { data, owned: false }
  throw new DiskError(`the source gave ${data.length} of the ${extent.length} bytes at ${extent.offset}`, {
    code: 'short_read',
    kind: 'retryable',
    details: { ...extent, got: data.length },
  })
}

/** Does it fill buffers that the caller owns? */
export const isFilling = (source: DiskSource): source is FillingSource => 'readInto' in source
