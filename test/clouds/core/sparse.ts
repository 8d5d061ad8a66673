import type { FileHandle } from 'node:fs/promises'
import { dataExtents } from '#shared/disks/holes.ts'

/** What is kept track of: the block size of the usual file systems, so that a hole in the file is a hole here. */
export const granuleBytes = 4096

/** Indexes of granules. */
export type Granules = Set<number>

const scanBytes = 4 * 1024 * 1024
const copyBytes = 1024 * 1024
const zeros = Buffer.alloc(scanBytes)

/** Adds to `found` each granule of the file that holds a nonzero byte. */
export async function scanNonzero(file: FileHandle, sizeBytes: number, found: Granules): Promise<void> {
  const buffer = Buffer.allocUnsafe(Math.min(scanBytes, sizeBytes))
  for await (const { offset, length } of dataExtents(file, sizeBytes)) {
    const end = offset + length
    for (let start = offset - (offset % granuleBytes); start < end; start += scanBytes) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(scanBytes, end - start), start)
      if (isZero(buffer, 0, bytesRead)) continue
      for (let at = 0; at < bytesRead; at += granuleBytes) {
        if (!isZero(buffer, at, Math.min(at + granuleBytes, bytesRead)))
          found.add((start + at) / granuleBytes)
      }
    }
  }
}

/** Copies only these granules; everything else in `to` stays as it is. */
export async function copyGranules(
  from: FileHandle,
  to: FileHandle,
  sizeBytes: number,
  granules: Granules,
): Promise<void> {
  const buffer = Buffer.allocUnsafe(copyBytes)
  for (const [offset, length] of runs(granules, sizeBytes)) {
    await readFully(from, buffer.subarray(0, length), offset)
    await to.write(buffer, 0, length, offset)
  }
}

/** Reads until the buffer is full. */
export async function readFully(file: FileHandle, buffer: Buffer, offset: number): Promise<void> {
  for (let done = 0; done < buffer.length;) {
    const { bytesRead } = await file.read(buffer, done, buffer.length - done, offset + done)
    if (bytesRead === 0)
      throw new Error(`disk file ends at ${offset + done}, wanted ${buffer.length - done} bytes more`)
    done += bytesRead
  }
}

/** Notes that `length` bytes from `offset` were written. */
export function addRange(granules: Granules, offset: number, length: number): void {
  if (length === 0) return
  const last = Math.floor((offset + length - 1) / granuleBytes)
  for (let index = Math.floor(offset / granuleBytes); index <= last; index++) granules.add(index)
}

function isZero(buffer: Buffer, start: number, end: number): boolean {
  return buffer.compare(zeros, 0, end - start, start, end) === 0
}

/** Adjacent granules as runs of `[offset, length]` of at most `copyBytes`. */
function* runs(granules: Granules, sizeBytes: number): Generator<[offset: number, length: number]> {
  let start = 0
  let end = 0
  for (const index of Float64Array.from(granules).toSorted()) {
    const offset = index * granuleBytes
    if (offset === end && end - start < copyBytes) end += granuleBytes
    else {
      if (end > start) yield [start, Math.min(end, sizeBytes) - start]
      start = offset
      end = offset + granuleBytes
    }
  }
  if (end > start) yield [start, Math.min(end, sizeBytes) - start]
}
