import type { BuildStep } from '#shared/clouds/gcp/builds/builds.ts'
import type { ReadAt } from '#shared/disks/qcow2.ts'
import { sha256 } from '#shared/disks/hash.ts'
import type { GcsObject, GcsObjects } from '#shared/clouds/gcp/storage/objects.ts'
import { damaged } from '#shared/clouds/gcp/storage/integrity.ts'
import { CloudError } from '#shared/clouds/errors.ts'

/** An object is read, and its digests are taken, in pieces of this size. */
export const pieceBytes = 4 * 2 ** 20

/**
 * Cloud Storage gives a checksum of a whole object but none of a range. So the build that exports a disk also takes the SHA-256 of every piece of the
 * file, beside the data and before anything leaves Google: one line of 64 hex digits each.
 * @param source,target e.g. `gs://bucket/exports/…/disk.qcow2`; keys of ours need no quoting in a shell.
 */
export const digestStep = (source: string, target: string): BuildStep => ({
  name: 'gcr.io/google.com/cloudsdktool/cloud-sdk:slim',
  args: [
    'bash',
    '-ceuo',
    'pipefail',
    `gcloud storage cat ${source} | split -b ${pieceBytes} --filter='sha256sum | cut -c1-64' - > /workspace/digests && gcloud storage cp /workspace/digests ${target}`,
  ],
})

/** Reads the file in whole pieces, each compared with its digest; those read last stay in memory, since neighbours share them. */
export function createPieceReader({
  objects,
  bucket,
  object,
  digests,
}: {
  objects: GcsObjects
  bucket: string
  object: GcsObject
  digests: readonly Buffer[]
}): ReadAt {
  const kept = new Map<number, Promise<Buffer>>()
  const fetch = async (index: number): Promise<Buffer> => {
    const offset = index * pieceBytes
    const data = await objects.readRange(
      bucket,
      object.key,
      offset,
      Math.min(pieceBytes, object.sizeBytes - offset),
    )
    const digest = digests[index]
    if (digest !== undefined && (await sha256(data)).equals(digest)) return data
    throw damaged(
      'storage.objects.get',
      `Bytes ${offset} to ${offset + data.length} of gs://${bucket}/${object.key} are not those that were exported.`,
    )
  }
  const piece = (index: number): Promise<Buffer> => {
    const known = kept.get(index) ?? fetch(index)
    kept.delete(index)
    kept.set(index, known)
    known.catch(() => kept.delete(index))
    const [oldest] = kept.keys()
    if (kept.size > piecesKept && oldest !== undefined) kept.delete(oldest)
    return known
  }
  return async (offset, length, signal) => {
    signal?.throwIfAborted()
    if (offset + length > object.sizeBytes) throw beyond(object, offset + length)
    const parts: Buffer[] = []
    for (let at = offset; at < offset + length;) {
      const index = Math.floor(at / pieceBytes)
      const from = at - index * pieceBytes
      const part = (await piece(index)).subarray(from, Math.min(pieceBytes, from + offset + length - at))
      parts.push(part)
      at += part.length
    }
    return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts, length)
  }
}

const piecesKept = 12

/** The digests of a file of so many bytes, as the build wrote them. */
export function parseDigests(text: string, sizeBytes: number): Buffer[] {
  const digests = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line, 'hex'))
  if (digests.length === Math.ceil(sizeBytes / pieceBytes) && digests.every(({ length }) => length === 32))
    return digests
  throw damaged('storage.objects.get', `The digests of the export do not fit its ${sizeBytes} bytes.`)
}

const beyond = ({ key, sizeBytes }: GcsObject, end: number): CloudError =>
  new CloudError(`The exported image ${key} of ${sizeBytes} bytes points to byte ${end}: it was cut.`, {
    cloud: 'gcp',
    operation: 'storage.objects.get',
    code: 'integrity',
    kind: 'permanent',
    remedy: 'Delete the export and run the job again.',
  })
