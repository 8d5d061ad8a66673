import type { PlainReply, PlainRequest } from '#test/clouds/core/server.ts'
import type { Fault } from '#test/clouds/core/types.ts'
import { Refusal } from '#test/clouds/gcp/refusal.ts'
import { crcText, placeOf } from '#test/clouds/gcp/storage/objects.ts'
import type { Bucket, GcsObject, StorageWorld } from '#test/clouds/gcp/storage/world.ts'

/** The bytes of an object, or those of `Range: bytes=first-last`. `x-goog-hash` is always of the whole. */
export async function download(
  world: StorageWorld,
  bucket: Bucket,
  object: GcsObject,
  { headers }: PlainRequest,
  fault: Fault | undefined,
): Promise<PlainReply> {
  const range = rangeOf(headers['range'], object.sizeBytes)
  const pieces: Buffer[] = []
  const place = placeOf(bucket, object)
  for await (const piece of world.objects.read(...place, range ?? {})) pieces.push(piece)
  const body = Buffer.concat(pieces)
  if (fault?.mode === 'corrupt_read' && body.length > 0)
    body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1
  const { meta } = object
  const md5 = meta.componentCount === undefined ? `,md5=${meta.md5.toString('base64')}` : ''
  return {
    status: range ? 206 : 200,
    headers: {
      'content-type': meta.contentType,
      'x-goog-generation': String(meta.generation),
      'x-goog-metageneration': String(meta.metageneration),
      'x-goog-stored-content-encoding': 'identity',
      'x-goog-stored-content-length': String(object.sizeBytes),
      'x-goog-hash': `crc32c=${crcText(meta.crc32c)}${md5}`,
      'x-goog-storage-class': meta.storageClass,
      'accept-ranges': 'bytes',
      ...(range
        ? {
            'content-range': `bytes ${range.offset}-${range.offset + range.length - 1}/${object.sizeBytes}`,
          }
        : {}),
    },
    body,
  }
}

/** A range that begins beyond the end is 416; one that ends there is cut. A header that is none is left out of account. */
function rangeOf(
  header: string | undefined,
  sizeBytes: number,
): { offset: number; length: number } | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? []
  if (first === undefined || (first === '' && last === '')) return undefined
  const offset = first === '' ? Math.max(0, sizeBytes - Number(last)) : Number(first)
  const end = first === '' || last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes)
  if (offset >= sizeBytes || end <= offset)
    throw new Refusal(416, 'requestedRangeNotSatisfiable', 'Request range not satisfiable')
  return { offset, length: end - offset }
}
