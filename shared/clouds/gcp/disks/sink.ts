import { createHash } from 'node:crypto'
import type { DiskSink } from '#shared/disks/port.ts'
import { sha256 as digestOf } from '#shared/disks/hash.ts'
import { gzipMembers } from '#shared/clouds/gcp/disks/gzip.ts'
import { writingPrefix, type Staging } from '#shared/clouds/gcp/disks/staging.ts'
import type { Written } from '#shared/clouds/gcp/disks/written.ts'
import { CloudError } from '#shared/clouds/errors.ts'

/** Chunks of at least this size: each becomes an object of its own, and a million small ones cost more than the bytes in them. */
const granularityBytes = 4 * 2 ** 20
const preferredChunkBytes = 8 * 2 ** 20

/** The object of a chunk. Written again it is replaced by the same bytes. */
export const chunkKey = (image: string, offset: number, length: number): string =>
  `${writingPrefix(image)}chunks/${String(offset).padStart(15, '0')}-${length}.gz`

/** Takes the chunks of a disk, in any order and as often as need be; each becomes gzip members of the tarball to come. */
export function createSink({
  staging,
  region,
  image,
  written: { sizeBytes, tags },
}: {
  staging: Staging
  region: string
  image: string
  written: Written
}): DiskSink {
  return {
    sizeBytes,
    granularityBytes,
    preferredChunkBytes,
    zeroed: true,
    async write({ offset, data, sha256 }, signal) {
      signal?.throwIfAborted()
      if (!(await digestOf(data)).equals(sha256)) throw otherBytes(offset)
      const members = await gzipMembers(data)
      signal?.throwIfAborted()
      await staging.objects.put(staging.bucketOf(region), chunkKey(image, offset, data.length), members, {
        contentType: 'application/gzip',
        metadata: tags,
      })
    },
    flush: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
}

/** Of a disk that is sealed: nothing is left to be written, and nothing can be. */
export const createSealedSink = (sizeBytes: number, id: string): DiskSink => ({
  sizeBytes,
  granularityBytes,
  preferredChunkBytes,
  zeroed: true,
  write: () =>
    Promise.reject(
      new CloudError(`The disk ${id} is sealed: its bytes can no longer change.`, {
        cloud: 'gcp',
        operation: 'storage.objects.insert',
        code: 'conflict',
        remedy: 'Make a new disk and copy again.',
      }),
    ),
  flush: () => Promise.resolve(),
  close: () => Promise.resolve(),
})

/** Short digest for names of objects. */
export const shortDigest = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 24)

const otherBytes = (offset: number): CloudError =>
  new CloudError(`The bytes for ${offset} do not have the digest that came with them.`, {
    cloud: 'gcp',
    operation: 'storage.objects.insert',
    code: 'integrity',
    kind: 'retryable',
    remedy: 'They are read and sent again.',
  })
