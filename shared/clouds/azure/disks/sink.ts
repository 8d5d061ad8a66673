import { createHash } from 'node:crypto'
import type { GrantedBlob } from '#shared/clouds/azure/disks/access.ts'
import { maxRangeBytes } from '#shared/clouds/azure/disks/source.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import { sha256 as sha256Of } from '#shared/disks/hash.ts'
import type { DiskSink } from '#shared/disks/port.ts'

/**
 * A disk under upload as a sink. Every write is durable when Azure has answered it. Unwritten pages read as zero: the disk
 * was made empty. `close` keeps the access signature: giving it back is what ends the upload (see `sealDisk`).
 */
export function createSink({ blob, sizeBytes }: { blob: GrantedBlob; sizeBytes: number }): DiskSink {
  return {
    sizeBytes,
    granularityBytes: 512,
    preferredChunkBytes: maxRangeBytes,
    zeroed: true,
    async write({ offset, data, sha256 }, signal) {
      if (!(await sha256Of(data)).equals(sha256)) throw altered(offset)
      // A disk's last bytes may not fill a page; what follows them up to the next MiB is ours, and zero.
      const pages = data.length % 512 === 0 ? data : padded(data)
      for (let at = 0; at < pages.length; at += maxRangeBytes) {
        await writePages(blob, offset + at, pages.subarray(at, at + maxRangeBytes), signal)
      }
    },
    flush: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
}

/** The sink of a disk that is sealed: whole already, and closed to writing. */
export const createSealedSink = (sizeBytes: number, refusal: () => Error): DiskSink => ({
  ...createSink({ blob: { use: () => Promise.reject(refusal()) }, sizeBytes }),
  zeroed: false,
})

/** Writes at most 4 MiB of whole pages. Azure refuses them (Md5Mismatch) if they arrive altered. */
export async function writePages(
  blob: GrantedBlob,
  offset: number,
  pages: Buffer,
  signal?: AbortSignal,
): Promise<void> {
  const transactionalContentMD5 = createHash('md5').update(pages).digest()
  await blob.use('PageBlob_UploadPages', async (client) => {
    try {
      await client.uploadPages(pages, offset, pages.length, {
        transactionalContentMD5,
        ...(signal ? { abortSignal: signal } : {}),
      })
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      throw error
    }
  })
}

function padded(data: Buffer): Buffer {
  const pages = Buffer.alloc(Math.ceil(data.length / 512) * 512)
  data.copy(pages)
  return pages
}

const altered = (offset: number): CloudError =>
  new CloudError(`The chunk at byte ${offset} no longer has the digest that was taken at its source.`, {
    cloud: 'azure',
    operation: 'PageBlob_UploadPages',
    code: 'integrity',
    kind: 'retryable',
    details: { offset },
  })
