import type { protos } from '@google-cloud/compute'
import type { CloudRef } from '#shared/clouds/port.ts'
import type { CopyManifest } from '#shared/disks/port.ts'
import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { insertOnce } from '#shared/clouds/gcp/compute/insert.ts'
import { gibibyte } from '#shared/clouds/gcp/compute/mapping.ts'
import { composeAll } from '#shared/clouds/gcp/disks/compose.ts'
import { gzipMember, gzipOfZeros } from '#shared/clouds/gcp/disks/gzip.ts'
import { chunkKey } from '#shared/clouds/gcp/disks/sink.ts'
import { writingPrefix, type Staging } from '#shared/clouds/gcp/disks/staging.ts'
import { tarHeader, tarTrailer } from '#shared/clouds/gcp/disks/tarball.ts'
import { findImage, readIntent, type Written } from '#shared/clouds/gcp/disks/written.ts'
import { parseLink } from '#shared/clouds/gcp/names.ts'
import { keptText, labelsOf } from '#shared/clouds/gcp/tags.ts'
import { CloudError } from '#shared/clouds/errors.ts'

/**
 * Makes an image of the chunks that were written: header, chunks, runs of zeros and trailer become one `.tar.gz` inside Cloud Storage (nothing is
 * sent again), Compute Engine makes an image of it, and what it was made of is removed.
 */
export async function sealDisk(
  gcp: GcpClient,
  staging: Staging,
  ref: CloudRef,
  manifest: CopyManifest,
): Promise<void> {
  const { name: image } = parseLink(ref.id, 'images')
  const prefix = writingPrefix(image)
  const written = await readIntent(staging, ref)
  if (written) {
    if (manifest.sizeBytes !== written.sizeBytes) throw otherSize(ref, written.sizeBytes, manifest.sizeBytes)
    if ((await findImage(gcp, ref))?.status !== 'READY') {
      const tarball = `${prefix}disk.tar.gz`
      await composeAll(staging, ref.region, {
        prefix,
        target: tarball,
        parts: partsOf(staging, ref.region, image, written, manifest),
        tags: written.tags,
      })
      const source = `https://storage.googleapis.com/${staging.bucketOf(ref.region)}/${tarball}`
      await makeImage(gcp, { region: ref.region, name: image, written, source })
    }
    await staging.clear(ref.region, prefix)
  }
  const made = await findImage(gcp, ref)
  if (made?.status === 'READY') return
  throw new CloudError(`The disk ${ref.id} is ${made ? made.status : 'gone'}.`, {
    cloud: 'gcp',
    operation: 'compute.images.insert',
    code: made ? 'conflict' : 'not_found',
    kind: made?.status === 'PENDING' ? 'retryable' : 'permanent',
    remedy: 'Make a new disk and copy again.',
  })
}

/** Compute Engine takes disks of whole GiB. */
export const wholeGib = (sizeBytes: number): number => Math.max(1, Math.ceil(sizeBytes / gibibyte)) * gibibyte

/** Keys of the objects that make up the tarball, in their order. Zeros are written as they are needed, each length once. */
async function* partsOf(
  staging: Staging,
  region: string,
  image: string,
  written: Written,
  manifest: CopyManifest,
): AsyncGenerator<string> {
  const prefix = writingPrefix(image)
  const bucket = staging.bucketOf(region)
  const made = new Set<string>()
  const put = async (name: string, bytes: () => Promise<Buffer> | Buffer): Promise<string> => {
    const key = `${prefix}${name}`
    if (!made.has(key))
      await staging.objects.put(bucket, key, await bytes(), {
        contentType: 'application/gzip',
        metadata: written.tags,
      })
    made.add(key)
    return key
  }
  const zeros = async function* (lengthBytes: number) {
    for (let left = lengthBytes; left > 0; left -= gibibyte) {
      const length = Math.min(left, gibibyte)
      yield await put(`zeros/${length}.gz`, () => gzipOfZeros(length))
    }
  }
  const sizeBytes = wholeGib(written.sizeBytes)
  yield await put('header.gz', () => gzipMember(tarHeader(sizeBytes, new Date(0))))
  let end = 0
  for await (const { offset, length } of manifest.chunks()) {
    yield* zeros(offset - end)
    yield chunkKey(image, offset, length)
    end = offset + length
  }
  yield* zeros(sizeBytes - end)
  yield await put('trailer.gz', () => gzipMember(tarTrailer()))
}

async function makeImage(
  gcp: GcpClient,
  { region, name, written, source }: { region: string; name: string; written: Written; source: string },
): Promise<void> {
  const description = keptText({
    tags: written.tags,
    name: written.name,
    ...(wholeGib(written.sizeBytes) === written.sizeBytes ? {} : { sizeBytes: written.sizeBytes }),
  })
  const imageResource: protos.google.cloud.compute.v1.IImage = {
    name,
    labels: labelsOf(written.tags),
    ...(description === undefined ? {} : { description }),
    architecture: written.architecture === 'arm64' ? 'ARM64' : 'X86_64',
    // Else Google keeps it in a whole continent's locations.
    storageLocations: [region],
    rawDisk: { source, containerType: 'TAR' },
    guestOsFeatures: [
      { type: 'VIRTIO_SCSI_MULTIQUEUE' },
      ...(written.firmware === 'uefi' ? [{ type: 'UEFI_COMPATIBLE' }] : []),
    ],
    ...(written.keyId === undefined ? {} : { imageEncryptionKey: { kmsKeyName: written.keyId } }),
  }
  await insertOnce(gcp, 'compute.images.insert', name, (requestId) =>
    gcp.compute('Images', 'compute.images.insert', async (client, once) => {
      const [operation] = await client.insert({ project: gcp.project, requestId, imageResource }, once)
      return operation.latestResponse as protos.google.cloud.compute.v1.IOperation
    }),
  )
}

const otherSize = ({ id }: CloudRef, disk: number, copy: number): CloudError =>
  new CloudError(`The copy is of ${copy} bytes, the disk ${id} of ${disk}.`, {
    cloud: 'gcp',
    operation: 'seal disk',
    code: 'integrity',
  })
