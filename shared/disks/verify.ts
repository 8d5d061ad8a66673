import { DiskError } from '#shared/disks/errors.ts'
import { startDigest } from '#shared/disks/digest.ts'
import { allocatedChunks, bytesOf, chunkExtent, type Grid } from '#shared/disks/grid.ts'
import type { CopyManifest, DiskSource, Extent } from '#shared/disks/port.ts'
import { readHashed } from '#shared/disks/read.ts'
import { retryIntegrity } from '#shared/disks/retry.ts'
import { orderedWindow } from '#shared/disks/window.ts'

export { contentDigest } from '#shared/disks/digest.ts'
export { repairChunks } from '#shared/disks/repair.ts'

export interface VerifyOptions {
  /** The destination, read back. */
  source: DiskSource
  manifest: CopyManifest
  /** Chunks in flight at once. */
  slots: number
  signal: AbortSignal
  /** Over the bytes that the destination has allocated. */
  onProgress?: (bytesDone: number, bytesTotal: number) => void
  integrityAttempts?: number
  integrityBackoffMs?: number
}

export interface VerifyResult {
  /** Like `contentDigest(manifest)`, but of the bytes that were read back: equal only if the disks are. */
  digest: string
  /** Where the destination differs, ascending, neighbours joined; the first 10,000 places. Empty: identical. */
  mismatches: Extent[]
  mismatchedBytes: number
  bytesRead: number
}

/**
 * Reads the destination back and compares every chunk with the manifest; everything outside the manifest's chunks must
 * be unallocated or read as zeros. A difference counts only when a second read shows it too.
 */
export const verifyDisk = async (options: VerifyOptions): Promise<VerifyResult> => {
  const { source, manifest, slots, signal } = options
  signal.throwIfAborted()
  if (source.sizeBytes < manifest.sizeBytes)
    throw new DiskError(
      `the disk has ${source.sizeBytes} bytes, but ${manifest.sizeBytes} were copied to it: this is another disk`,
      { code: 'size_mismatch' },
    )

  const grid: Grid = { sizeBytes: source.sizeBytes, chunkBytes: manifest.chunkBytes }
  const allocated = await allocatedChunks(source, grid, signal)
  const bytesTotal = bytesOf(grid, allocated)
  const digest = startDigest(manifest)
  const differences = collectDifferences()
  const spares: Buffer[] = []
  let bytesRead = 0

  const inspect = async ({ expected, ...extent }: Expectation): Promise<Inspected> => {
    signal.throwIfAborted()
    if (!allocated.has(Math.floor(extent.offset / grid.chunkBytes)))
      return { ...extent, matches: expected === undefined, read: false }
    const first = await retryingHash(extent)
    const found = sameDigest(first, expected) ? first : await retryingHash(extent)
    return { ...extent, matches: sameDigest(found, expected), read: true, ...(found && { found }) }
  }

  const retryingHash = (extent: Extent): Promise<Buffer | undefined> =>
    retryIntegrity(() => hashRange(source, extent, signal, spares), {
      attempts: options.integrityAttempts ?? 4,
      backoffMs: options.integrityBackoffMs ?? 200,
      stopping: signal,
    })

  options.onProgress?.(0, bytesTotal)
  for await (const chunk of orderedWindow(expectations(manifest, grid, allocated), slots, inspect)) {
    if (chunk.found) digest.add(chunk.offset, chunk.found)
    if (!chunk.matches) differences.add(chunk)
    if (!chunk.read) continue
    bytesRead += chunk.length
    options.onProgress?.(Math.min(bytesRead, bytesTotal), bytesTotal)
  }
  signal.throwIfAborted()
  return { digest: digest.end(), ...differences.result(), bytesRead }
}

interface Expectation extends Extent {
  /** The digest in the manifest; undefined where zeros are expected. */
  expected?: Buffer
}

interface Inspected extends Extent {
  /** Undefined for zeros. */
  found?: Buffer
  matches: boolean
  read: boolean
}

/** All of the manifest's chunks and all other allocated ones, in ascending order. */
async function* expectations(
  manifest: CopyManifest,
  grid: Grid,
  allocated: Awaited<ReturnType<typeof allocatedChunks>>,
): AsyncGenerator<Expectation> {
  let cursor = 0
  const unexpectedBefore = function* (end: number): Generator<Expectation> {
    for (let chunk = allocated.next(cursor); chunk !== -1 && chunk < end; chunk = allocated.next(chunk + 1))
      yield* splitAt(chunkExtent(grid, chunk), manifest.sizeBytes)
    cursor = end
  }
  for await (const { offset, length, sha256: expected } of manifest.chunks()) {
    const chunk = offset / grid.chunkBytes
    const end = Math.min(offset + grid.chunkBytes, manifest.sizeBytes)
    if (!Number.isInteger(chunk) || chunk < cursor || length !== end - offset)
      throw new DiskError(`the manifest lists ${offset}+${length} out of order or off its grid`, {
        code: 'journal_corrupt',
      })
    yield* unexpectedBefore(chunk)
    yield { offset, length, expected }
    // A destination that is larger than what was copied: its remainder of this chunk must be zeros.
    const rest = chunkExtent(grid, chunk)
    if (allocated.has(chunk) && rest.length > length) yield { offset: end, length: rest.length - length }
    cursor = chunk + 1
  }
  yield* unexpectedBefore(allocated.count)
}

/** In two where the copied disk ends, so that chunks before it have the extents that the digest is taken over. */
const splitAt = ({ offset, length }: Extent, boundary: number): Extent[] =>
  offset < boundary && offset + length > boundary
    ? [
        { offset, length: boundary - offset },
        { offset: boundary, length: offset + length - boundary },
      ]
    : [{ offset, length }]

/** SHA-256 of what is there, undefined for zeros. */
const hashRange = async (
  source: DiskSource,
  extent: Extent,
  signal: AbortSignal,
  spares: Buffer[],
): Promise<Buffer | undefined> => {
  const { data, digest, owned } = await readHashed(source, extent, signal, spares.pop())
  if (owned) spares.push(data)
  return digest
}

const sameDigest = (found: Buffer | undefined, expected: Buffer | undefined): boolean =>
  found === undefined || expected === undefined ? found === expected : found.equals(expected)

const MOST_DIFFERENCES = 10_000

const collectDifferences = () => {
  const mismatches: Extent[] = []
  let mismatchedBytes = 0
  return {
    add: ({ offset, length }: Extent): void => {
      mismatchedBytes += length
      const last = mismatches.at(-1)
      if (last && last.offset + last.length === offset) last.length += length
      else if (mismatches.length < MOST_DIFFERENCES) mismatches.push({ offset, length })
    },
    result: () => ({ mismatches, mismatchedBytes }),
  }
}
