import { checksumText } from '#shared/clouds/checksum.ts'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { bucketPlace } from '#shared/clouds/azure/storage/places.ts'
import { readRanges } from '#shared/clouds/azure/storage/ranges.ts'
import { writeBlocks, writeVhd } from '#shared/clouds/azure/storage/writes.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudRef, ObjectsFacet } from '#shared/clouds/port.ts'

/**
 * Blobs as objects. They are block blobs, written in blocks that become the object all at once; except VHDs: Azure makes disks and images
 * of page blobs alone, and those are never there all at once.
 */
export function createObjects(client: AzureClient): ObjectsFacet {
  const containerOf = (ref: CloudRef) => {
    const { account, container } = bucketPlace(client, ref.id)
    return client.container(account, container)
  }

  return {
    async *list(bucket, { prefix }) {
      const container = await containerOf(bucket)
      for await (const { name, properties } of client.pages('Container_ListBlobFlatSegment', () =>
        container.listBlobsFlat(prefix === '' ? {} : { prefix }),
      )) {
        const { contentLength: sizeBytes = 0, lastModified: modifiedAt, contentMD5: md5 } = properties
        yield {
          key: name,
          sizeBytes,
          modifiedAt,
          ...(md5 === undefined || md5.length === 0 ? {} : { checksum: checksumText('md5', md5) }),
        }
      }
    },

    async write(bucket, { key, sizeBytes, body }) {
      const container = await containerOf(bucket)
      if (isVhd(key, sizeBytes)) await writeVhd(client, container.getPageBlobClient(key), sizeBytes, body)
      else await writeBlocks(client, container.getBlockBlobClient(key), sizeBytes, body)
    },

    async *read(bucket, { key, offset = 0, length }) {
      const container = await containerOf(bucket)
      const blob = container.getBlobClient(key)
      const { contentLength = 0, etag } = await client.call('Blob_GetProperties', () => blob.getProperties())
      if (offset < 0 || offset > contentLength) throw outside(key, offset, contentLength)
      const end = Math.min(contentLength, offset + (length ?? contentLength))
      yield* readRanges(client, blob, { offset, end, etag })
    },

    async delete(bucket, key) {
      const container = await containerOf(bucket)
      await client.find('Blob_Delete', () =>
        container.getBlobClient(key).delete({ deleteSnapshots: 'include' }),
      )
    },
  }
}

/** By its name, as the vendor's own tools tell; and it has whole pages. */
const isVhd = (key: string, sizeBytes: number): boolean =>
  /\.vhd$/i.test(key) && sizeBytes > 0 && sizeBytes % 512 === 0

const outside = (key: string, offset: number, sizeBytes: number): CloudError =>
  new CloudError(`Byte ${offset} is not within "${key}" of ${sizeBytes} bytes.`, {
    cloud: 'azure',
    operation: 'Blob_Download',
    code: 'invalid_request',
    remedy: 'Begin within the object.',
    details: { field: 'offset' },
  })
