import { createHash, randomUUID } from 'node:crypto'
import { z } from 'zod'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import {
  bucketOf,
  empty,
  newVersionId,
  numberIn,
  xmlReply,
  type S3Call,
  type S3Operation,
} from '#test/clouds/aws/s3/call.ts'
import {
  checksumHeaders,
  copySource,
  damaged,
  md5,
  putBytes,
  removeObject,
} from '#test/clouds/aws/s3/objects.ts'
import type { Bucket, Part, Upload } from '#test/clouds/aws/s3/state.ts'
import { element, flag, many, maybe, one, readXml, whole } from '#test/clouds/aws/s3/xml.ts'
import type { World } from '#test/clouds/aws/world.ts'

const completion = element({
  Part: many(
    element({
      PartNumber: one(whole),
      ETag: one(z.string()),
      ChecksumSHA256: maybe(z.string()),
      ChecksumCRC32: maybe(z.string()),
    }),
  ).min(1),
})

const deletion = element({
  Object: many(element({ Key: one(z.string().min(1)), VersionId: maybe(z.string()) }))
    .min(1)
    .max(1000),
  Quiet: maybe(flag),
})

export const uploadOperations: Readonly<Record<string, S3Operation>> = {
  CreateMultipartUpload: {
    method: 'POST',
    on: 'object',
    sub: 'uploads',
    headers: [
      'x-amz-checksum-algorithm',
      'x-amz-checksum-type',
      'x-amz-tagging',
      'x-amz-server-side-encryption',
    ],
    run(call) {
      const bucket = bucketOf(call)
      const id = randomUUID().replaceAll('-', '')
      bucket.uploads.set(id, {
        id,
        key: call.key,
        initiatedAt: new Date(call.world.clock.now()),
        contentType: call.headers['content-type'] ?? 'binary/octet-stream',
        algorithm: call.headers['x-amz-checksum-algorithm'],
        parts: new Map(),
      })
      return xmlReply('InitiateMultipartUploadResult', { Bucket: bucket.name, Key: call.key, UploadId: id })
    },
  },

  UploadPart: {
    method: 'PUT',
    on: 'object',
    sub: 'partNumber',
    query: ['uploadId'],
    async run(call) {
      const { bucket, upload } = uploadOf(call)
      const algorithm = upload.algorithm?.toLowerCase()
      if (algorithm !== undefined && call.checksums[algorithm] === undefined)
        throw new Refusal(
          'InvalidRequest',
          `Checksum Type mismatch occurred, expected checksum Type: ${algorithm}`,
        )
      const part = await keepPart(call, bucket, upload, [damaged(call)], md5(call.body))
      return empty(200, { etag: `"${part.md5}"`, ...checksumHeaders(part) })
    },
  },

  UploadPartCopy: {
    method: 'PUT',
    on: 'object',
    sub: 'partNumber',
    given: 'x-amz-copy-source',
    query: ['uploadId'],
    headers: ['x-amz-copy-source-range'],
    async run(call) {
      const { bucket, upload } = uploadOf(call)
      const { from, version } = copySource(call)
      const [, first = '0', last = String(version.sizeBytes - 1)] =
        /^bytes=(\d+)-(\d+)$/.exec(call.headers['x-amz-copy-source-range'] ?? '') ?? []
      const range = { offset: Number(first), length: Number(last) - Number(first) + 1 }
      if (range.offset + range.length > version.sizeBytes)
        throw new Refusal('InvalidArgument', 'Range specified is not valid for source object')
      const bytes = call.world.services.objects.read(from.name, version.storeKey ?? '', range)
      const part = await keepPart(call, bucket, upload, bytes, undefined)
      return xmlReply('CopyPartResult', { ETag: `"${part.md5}"`, LastModified: part.modifiedAt })
    },
  },

  CompleteMultipartUpload: {
    method: 'POST',
    on: 'object',
    sub: 'uploadId',
    headers: ['x-amz-mp-object-size'],
    async run(call) {
      const { bucket, upload } = uploadOf(call)
      const { Part: given } = readXml(call.body, 'CompleteMultipartUpload', completion)
      const parts = given.map((part, index) => {
        const kept = upload.parts.get(part.PartNumber)
        if (
          kept?.md5 !== part.ETag.replaceAll('"', '') ||
          (part.ChecksumSHA256 ?? kept.checksums['sha256']) !== kept.checksums['sha256']
        )
          throw new Refusal('InvalidPart', 'One or more of the specified parts could not be found.')
        if (index > 0 && part.PartNumber <= (given[index - 1]?.PartNumber ?? 0))
          throw new Refusal('InvalidPartOrder', 'The list of parts was not in ascending order.')
        if (index < given.length - 1 && kept.sizeBytes < 5 * 2 ** 20)
          throw new Refusal('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size')
        return kept
      })
      const total = parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
      const said = call.headers['x-amz-mp-object-size']
      if (said !== undefined && Number(said) !== total)
        throw new Refusal(
          'InvalidRequest',
          'The provided x-amz-mp-object-size header does not match what was computed.',
        )
      const version = await putBytes(call.world, bucket, upload.key, bytesOf(call.world, bucket, parts), {
        etag: `${md5(Buffer.concat(parts.map((part) => Buffer.from(part.md5, 'hex'))))}-${parts.length}`,
        checksums: compositeOf(parts),
        contentType: upload.contentType,
      })
      await dropUpload(call.world, bucket, upload)
      return xmlReply('CompleteMultipartUploadResult', {
        Bucket: bucket.name,
        Key: upload.key,
        ETag: `"${version.etag}"`,
        ChecksumSHA256: version.checksums['sha256'],
      })
    },
  },

  AbortMultipartUpload: {
    method: 'DELETE',
    on: 'object',
    sub: 'uploadId',
    async run(call) {
      const { bucket, upload } = uploadOf(call)
      await dropUpload(call.world, bucket, upload)
      return empty(204)
    },
  },

  ListMultipartUploads: {
    method: 'GET',
    on: 'bucket',
    sub: 'uploads',
    query: ['prefix', 'max-uploads', 'key-marker', 'upload-id-marker', 'encoding-type'],
    run(call) {
      const bucket = bucketOf(call)
      const prefix = call.query.get('prefix') ?? ''
      const found = [...bucket.uploads.values()].filter(({ key }) => key.startsWith(prefix))
      return xmlReply('ListMultipartUploadsResult', {
        Bucket: bucket.name,
        Prefix: prefix,
        IsTruncated: false,
        Upload: found
          .slice(0, numberIn(call, 'max-uploads', 1000, 1000))
          .map(({ key, id, initiatedAt }) => ({ Key: key, UploadId: id, Initiated: initiatedAt })),
      })
    },
  },

  DeleteObjects: {
    method: 'POST',
    on: 'bucket',
    sub: 'delete',
    async run(call) {
      const bucket = bucketOf(call)
      if (Object.keys(call.checksums).length === 0 && call.headers['content-md5'] === undefined)
        throw new Refusal(
          'InvalidRequest',
          'Missing required header for this request: Content-MD5 OR x-amz-checksum-*',
        )
      const { Object: given, Quiet } = readXml(call.body, 'Delete', deletion)
      for (const { Key, VersionId } of given) await removeObject(call.world, bucket, Key, VersionId)
      return xmlReply('DeleteResult', { Deleted: Quiet === true ? [] : given.map(({ Key }) => ({ Key })) })
    },
  },
}

function uploadOf(call: S3Call): { bucket: Bucket; upload: Upload } {
  const bucket = bucketOf(call)
  const upload = bucket.uploads.get(call.query.get('uploadId') ?? '')
  if (upload?.key === call.key) return { bucket, upload }
  throw new Refusal(
    'NoSuchUpload',
    'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
  )
}

async function keepPart(
  call: S3Call,
  bucket: Bucket,
  upload: Upload,
  body: AsyncIterable<Buffer> | Iterable<Buffer>,
  digest: string | undefined,
): Promise<Part> {
  const number = numberIn(call, 'partNumber', 0, 10_001)
  if (number < 1 || number > 10_000)
    throw new Refusal('InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive')
  const storeKey = newVersionId()
  const { sizeBytes, etag, modifiedAt } = await call.world.services.objects.put(
    bucket.name,
    storeKey,
    body,
    undefined,
  )
  const part = { number, storeKey, sizeBytes, md5: digest ?? etag, checksums: call.checksums, modifiedAt }
  const replaced = upload.parts.get(number)
  upload.parts.set(number, part)
  if (replaced) await call.world.services.objects.delete(bucket.name, replaced.storeKey)
  return part
}

async function* bytesOf(world: World, bucket: Bucket, parts: readonly Part[]): AsyncGenerator<Buffer> {
  for (const { storeKey } of parts) yield* world.services.objects.read(bucket.name, storeKey)
}

async function dropUpload(world: World, bucket: Bucket, upload: Upload): Promise<void> {
  bucket.uploads.delete(upload.id)
  for (const { storeKey } of upload.parts.values()) await world.services.objects.delete(bucket.name, storeKey)
}

/** The digest of the parts' digests, and how many they are. */
function compositeOf(parts: readonly Part[]): Record<string, string> {
  const digests = parts.flatMap(({ checksums }) => checksums['sha256'] ?? [])
  if (digests.length < parts.length) return {}
  const joined = Buffer.concat(digests.map((digest) => Buffer.from(digest, 'base64')))
  return { sha256: `${createHash('sha256').update(joined).digest('base64')}-${parts.length}` }
}
