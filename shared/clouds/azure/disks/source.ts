import { createHash } from 'node:crypto'
import type { GrantedBlob } from '#shared/clouds/azure/disks/access.ts'
import { timedOut } from '#shared/clouds/azure/errors.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import { callSignal } from '#shared/clouds/scope.ts'
import { ownBuffer } from '#shared/disks/hash.ts'
import type { DiskSource, Extent } from '#shared/disks/port.ts'

/** Azure gives the checksum of a range, and takes a write, of at most this many bytes. */
export const maxRangeBytes = 4 * 1024 * 1024

/** Ranges per page of a listing; the service's own limit is 10,000. */
const rangesPerPage = 1000

/** Lists extents of a blob in ascending order; outside of them there is nothing to be read. */
export type Listing = (blob: GrantedBlob, sizeBytes: number, signal?: AbortSignal) => AsyncIterable<Extent>

/**
 * The bytes of a disk or snapshot as a source. The blob is a VHD, 512 bytes longer than the disk: its footer is never shown.
 * @param release gives back the access signature.
 */
export function createSource({
  blob,
  sizeBytes,
  requestTimeoutMs,
  listing = listExtents,
  release,
}: {
  blob: GrantedBlob
  sizeBytes: number
  requestTimeoutMs: number
  listing?: Listing
  release: () => Promise<void>
}): DiskSource {
  let released: Promise<void> | undefined
  return {
    sizeBytes,
    granularityBytes: 512,
    preferredChunkBytes: maxRangeBytes,
    extents: (signal) => listing(blob, sizeBytes, signal),
    async read(extent, signal) {
      const parts: Buffer[] = []
      for (let at = 0; at < extent.length; at += maxRangeBytes) {
        const part = { offset: extent.offset + at, length: Math.min(maxRangeBytes, extent.length - at) }
        parts.push(await readRange(blob, part, requestTimeoutMs, signal))
      }
      return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)
    },
    close: () => (released ??= release()),
  }
}

/** A page as the SDK gives it; the last byte of a range is `end`. */
interface RangePage {
  pageRange?: { start: number; end: number }[]
  continuationToken?: string
}

async function* listExtents(
  blob: GrantedBlob,
  sizeBytes: number,
  signal?: AbortSignal,
): AsyncIterable<Extent> {
  let next: string | undefined
  do {
    const continuationToken = next
    signal?.throwIfAborted()
    const page = await blob.use('PageBlob_GetPageRanges', async (client) => {
      const settings = { maxPageSize: rangesPerPage, ...(continuationToken ? { continuationToken } : {}) }
      const { value } = (await client.listPageRanges(0, sizeBytes).byPage(settings).next()) as {
        value?: RangePage
      }
      return value
    })
    for (const { start, end } of page?.pageRange ?? []) {
      const length = Math.min(end + 1, sizeBytes) - start
      if (length > 0) yield { offset: start, length }
    }
    next = page?.continuationToken || undefined
  } while (next !== undefined)
}

function readRange(
  blob: GrantedBlob,
  extent: Extent,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Buffer> {
  return blob.use('Blob_Download', async (client) => {
    // The transport's deadline ends with the headers; the body of a download is streamed and needs its own.
    const deadline = AbortSignal.timeout(timeoutMs)
    const signals = [deadline, signal, callSignal()].filter((each) => each !== undefined)
    try {
      const reply = await client.download(extent.offset, extent.length, {
        rangeGetContentMD5: true,
        maxRetryRequests: 0,
        abortSignal: AbortSignal.any(signals),
      })
      const data = await collect(reply.readableStreamBody, extent)
      checkMd5(data, reply.contentMD5, extent)
      return data
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      if (callSignal()?.aborted) throw callSignal()?.reason
      if (deadline.aborted) throw timedOut('Blob_Download', timeoutMs, error)
      throw error
    }
  })
}

async function collect(stream: NodeJS.ReadableStream | undefined, extent: Extent): Promise<Buffer> {
  const data = ownBuffer(extent.length)
  let filled = 0
  for await (const part of (stream ?? []) as AsyncIterable<Buffer>) {
    if (filled + part.length > data.length)
      throw broken(`more than the ${extent.length} bytes asked for`, extent)
    part.copy(data, filled)
    filled += part.length
  }
  if (filled < data.length) throw broken(`only ${filled} of ${extent.length} bytes`, extent)
  return data
}

function checkMd5(data: Buffer, expected: Uint8Array | undefined, extent: Extent): void {
  if (expected === undefined || createHash('md5').update(data).digest().equals(expected)) return
  throw broken('bytes that do not have the checksum Azure gave with them', extent)
}

const broken = (what: string, { offset }: Extent): CloudError =>
  new CloudError(`Azure sent ${what}, reading at byte ${offset}.`, {
    cloud: 'azure',
    operation: 'Blob_Download',
    code: 'integrity',
    kind: 'retryable',
    details: { offset },
  })
