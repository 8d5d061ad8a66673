import { createHash, randomUUID } from 'node:crypto'
import type { BlockBlobClient, PageBlobClient } from '@azure/storage-blob'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { eachOf, piecesOf } from '#shared/clouds/azure/storage/pieces.ts'

/**
 * Writes a block blob: staged in blocks, each refused if it arrives altered (Md5Mismatch), and committed at the end. Until then, and when it
 * fails, an earlier object of this key stays as it is; what was staged goes away by itself after a week.
 */
export async function writeBlocks(
  client: AzureClient,
  blob: BlockBlobClient,
  sizeBytes: number,
  body: AsyncIterable<Buffer>,
): Promise<void> {
  const blockBytes = blockSizeFor(sizeBytes)
  const width = Math.max(1, Math.min(mostUnderWay, Math.floor(mostBytesUnderWay / blockBytes)))
  // Another write of the same key at the same time stages blocks of its own.
  const run = randomUUID()
  const ids: string[] = []
  await eachOf(piecesOf(body, sizeBytes, blockBytes), width, async ({ index, data }) => {
    const id = Buffer.from(`${run}-${String(index).padStart(6, '0')}`).toString('base64')
    ids[index] = id
    await client.call('BlockBlob_StageBlock', () =>
      blob.stageBlock(id, data, data.length, { transactionalContentMD5: md5Of(data) }),
    )
  })
  await client.call('BlockBlob_CommitBlockList', () =>
    blob.commitBlockList(ids, { blobHTTPHeaders: { blobContentType: 'application/octet-stream' } }),
  )
}

/** Writes a page blob of whole pages; those that are zero are left out, since a new page blob is. */
export async function writeVhd(
  client: AzureClient,
  blob: PageBlobClient,
  sizeBytes: number,
  body: AsyncIterable<Buffer>,
): Promise<void> {
  await client.call('PageBlob_Create', () => blob.create(sizeBytes))
  await eachOf(piecesOf(body, sizeBytes, pagesBytes), mostUnderWay, async ({ offset, data }) => {
    if (zeros.subarray(0, data.length).equals(data)) return
    await client.call('PageBlob_UploadPages', () =>
      blob.uploadPages(data, offset, data.length, { transactionalContentMD5: md5Of(data) }),
    )
  })
}

const md5Of = (data: Buffer): Buffer => createHash('md5').update(data).digest()

/** A blob has at most 50,000 blocks of at most 4000 MiB; https://learn.microsoft.com/azure/storage/blobs/scalability-targets */
function blockSizeFor(sizeBytes: number): number {
  const needed = Math.ceil(sizeBytes / 50_000 / mebibyte) * mebibyte
  return Math.max(4 * mebibyte, needed)
}

const mebibyte = 1024 * 1024
const mostUnderWay = 4
const mostBytesUnderWay = 64 * mebibyte
/** What Put Page takes at most. */
const pagesBytes = 4 * mebibyte
const zeros = Buffer.alloc(pagesBytes)
