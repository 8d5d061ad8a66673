import { createHash } from 'node:crypto'
import type { BlobClient } from '@azure/storage-blob'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { timedOut } from '#shared/clouds/azure/errors.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import { callSignal } from '#shared/clouds/scope.ts'
import { ownBuffer } from '#shared/disks/hash.ts'

/**
 * A blob's bytes from `offset` to `end`, range by range, each checked with the checksum that Azure gives of it. One that is replaced
 * meanwhile ends the reading (`conflict`), rather than giving the beginning of one object and the end of another.
 */
export async function* readRanges(
  client: AzureClient,
  blob: BlobClient,
  { offset, end, etag }: { offset: number; end: number; etag: string | undefined },
): AsyncGenerator<Buffer> {
  for (let at = offset; at < end; at += checkedRangeBytes) {
    const length = Math.min(checkedRangeBytes, end - at)
    yield await client.call('Blob_Download', () =>
      readRange(blob, { offset: at, length, etag }, client.settings.requestTimeoutMs),
    )
  }
}

/** The largest range of which Azure gives a checksum. */
const checkedRangeBytes = 4 * 1024 * 1024

interface Range {
  offset: number
  length: number
  etag: string | undefined
}

async function readRange(
  blob: BlobClient,
  { offset, length, etag }: Range,
  timeoutMs: number,
): Promise<Buffer> {
  // The transport's deadline ends with the headers; the body of a download is streamed and needs its own.
  const deadline = AbortSignal.timeout(timeoutMs)
  const signal = callSignal()
  try {
    const reply = await blob.download(offset, length, {
      rangeGetContentMD5: true,
      maxRetryRequests: 0,
      abortSignal: signal ? AbortSignal.any([deadline, signal]) : deadline,
      ...(etag === undefined ? {} : { conditions: { ifMatch: etag } }),
    })
    const data = await collect(reply.readableStreamBody, offset, length)
    const digest = createHash('md5').update(data).digest()
    if (reply.contentMD5 && !digest.equals(reply.contentMD5))
      throw broken('bytes that do not have the checksum Azure gave with them', offset)
    return data
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    if (deadline.aborted) throw timedOut('Blob_Download', timeoutMs, error)
    throw error
  }
}

async function collect(
  stream: NodeJS.ReadableStream | undefined,
  offset: number,
  length: number,
): Promise<Buffer> {
  const data = ownBuffer(length)
  let filled = 0
  for await (const part of (stream ?? []) as AsyncIterable<Buffer>) {
    if (filled + part.length > length) throw broken(`more than the ${length} bytes asked for`, offset)
    part.copy(data, filled)
    filled += part.length
  }
  if (filled < length) throw broken(`only ${filled} of ${length} bytes`, offset)
  return data
}

const broken = (what: string, offset: number): CloudError =>
  new CloudError(`Azure sent ${what}, reading at byte ${offset}.`, {
    cloud: 'azure',
    operation: 'Blob_Download',
    code: 'integrity',
    kind: 'retryable',
    details: { offset },
  })
