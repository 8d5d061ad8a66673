import { createHash, randomBytes } from 'node:crypto'
import { crc32c } from '#test/clouds/core/crc32c.ts'
import type { PlainReply, PlainRequest } from '#test/clouds/core/server.ts'
import type { Fault } from '#test/clouds/core/types.ts'
import { Refusal } from '#test/clouds/gcp/refusal.ts'
import { bucketNamed } from '#test/clouds/gcp/storage/buckets.ts'
import { readRelated } from '#test/clouds/gcp/storage/multipart.ts'
import {
  checkHashes,
  checkObjectName,
  checkPreconditions,
  findObject,
  metaOf,
  objectView,
  readObjectMetadata,
} from '#test/clouds/gcp/storage/objects.ts'
import { putObject } from '#test/clouds/gcp/storage/put.ts'
import {
  uploadsBucket,
  type GcsObject,
  type StorageWorld,
  type Upload,
} from '#test/clouds/gcp/storage/world.ts'

/** A resumable upload's pieces, but for its last, are multiples of this. */
const quantumBytes = 256 * 1024

/** `POST /upload/storage/v1/b/{bucket}/o`: all at once (media, multipart), or the beginning of a resumable upload. */
export async function beginUpload(
  world: StorageWorld,
  bucketName: string,
  request: PlainRequest,
  fault: Fault | undefined,
): Promise<PlainReply> {
  const { url, headers, body } = request
  const query = url.searchParams
  switch (query.get('uploadType')) {
    case 'media':
      return putWhole(world, bucketName, request, fault, {
        metadata: {},
        contentType: headers['content-type'],
        data: body,
      })
    case 'multipart':
      return putWhole(world, bucketName, request, fault, readRelated(headers['content-type'], body))
    case 'resumable':
      return beginResumable(world, bucketName, request)
    default:
      throw new Refusal(400, 'invalid', `Invalid upload type: ${query.get('uploadType') ?? '(none)'}`)
  }
}

/** `PUT …?upload_id=…`: a piece of a resumable upload, or the question how far it is. */
export async function continueUpload(
  world: StorageWorld,
  { url, headers, body }: PlainRequest,
  fault: Fault | undefined,
): Promise<PlainReply> {
  const id = url.searchParams.get('upload_id') ?? ''
  const upload = world.uploads.get(id)
  if (!upload) throw new Refusal(404, 'notFound', 'No such upload session.')
  if (upload.done) return reply(world, upload.bucket, upload.done, url.origin)
  const range = readContentRange(headers['content-range'], body.length)
  if (range.totalBytes !== undefined) upload.totalBytes ??= range.totalBytes
  if (range.totalBytes !== undefined && upload.totalBytes !== range.totalBytes)
    throw new Refusal(400, 'invalid', 'The total size differs from the one given before.')
  if (range.start !== undefined) {
    if (range.start > upload.receivedBytes)
      throw new Refusal(503, 'backendError', `Expected the byte ${upload.receivedBytes} next.`)
    await takePiece(world, id, upload, body.subarray(upload.receivedBytes - range.start))
  }
  if (upload.receivedBytes !== upload.totalBytes) return resumeFrom(upload.receivedBytes)
  return finish(world, id, upload, headers['x-goog-hash'], url.origin, fault)
}

/** `DELETE …?upload_id=…` */
export async function cancelUpload(world: StorageWorld, { url }: PlainRequest): Promise<PlainReply> {
  const id = url.searchParams.get('upload_id') ?? ''
  const upload = world.uploads.get(id)
  if (!upload) throw new Refusal(404, 'notFound', 'No such upload session.')
  await forget(world, id, upload)
  world.uploads.delete(id)
  return { status: 499 }
}

async function putWhole(
  world: StorageWorld,
  bucketName: string,
  { url, headers }: PlainRequest,
  fault: Fault | undefined,
  sent: { metadata: unknown; contentType: string | undefined; data: Buffer },
): Promise<PlainReply> {
  const bucket = bucketNamed(world, bucketName)
  const described = readObjectMetadata(bucket, sent.metadata, sent.contentType)
  const name = checkObjectName(url.searchParams.get('name') ?? (sent.metadata as { name?: string }).name)
  checkPreconditions(url.searchParams, findObject(world, bucket, name, null))
  const sums = { md5: createHash('md5').update(sent.data).digest(), crc32c: crc32c(sent.data) }
  checkHashes(described, sums)
  checkHashes(readGoogHash(headers['x-goog-hash']), sums)
  const object = await putObject(
    world,
    bucket,
    name,
    [sent.data],
    metaOf(world, bucket, described, sums),
    fault,
  )
  return reply(world, bucket.name, object, url.origin)
}

function beginResumable(
  world: StorageWorld,
  bucketName: string,
  { url, headers, body }: PlainRequest,
): PlainReply {
  const bucket = bucketNamed(world, bucketName)
  const metadata = body.length === 0 ? {} : (JSON.parse(body.toString()) as Record<string, unknown>)
  readObjectMetadata(bucket, metadata, headers['x-upload-content-type'])
  const name = checkObjectName(url.searchParams.get('name') ?? (metadata['name'] as string | undefined))
  checkPreconditions(url.searchParams, findObject(world, bucket, name, null))
  const id = randomBytes(48).toString('base64url')
  const length = headers['x-upload-content-length']
  world.uploads.set(id, {
    bucket: bucket.name,
    name,
    metadata: { contentType: headers['x-upload-content-type'], ...metadata },
    query: url.searchParams,
    totalBytes: length === undefined ? undefined : Number(length),
    parts: 0,
    receivedBytes: 0,
    md5: createHash('md5'),
    crc32c: 0,
    done: undefined,
  })
  const location = new URL(url)
  location.searchParams.set('upload_id', id)
  return { status: 200, headers: { location: location.href, 'x-guploader-uploadid': id } }
}

async function takePiece(world: StorageWorld, id: string, upload: Upload, piece: Buffer): Promise<void> {
  // What is not a whole number of quanta is only taken at the end; the rest of a piece is asked for again.
  const isLast = upload.receivedBytes + piece.length === upload.totalBytes
  const taken = isLast ? piece : piece.subarray(0, piece.length - (piece.length % quantumBytes))
  if (taken.length === 0) return
  const kept = Buffer.from(taken)
  await world.objects.put(uploadsBucket, `${id}.${upload.parts}`, [kept], {} as never)
  upload.parts += 1
  upload.receivedBytes += kept.length
  upload.md5.update(kept)
  upload.crc32c = crc32c(kept, upload.crc32c)
}

async function finish(
  world: StorageWorld,
  id: string,
  upload: Upload,
  googHash: string | undefined,
  origin: string,
  fault: Fault | undefined,
): Promise<PlainReply> {
  const bucket = bucketNamed(world, upload.bucket)
  const described = readObjectMetadata(bucket, upload.metadata)
  const sums = { md5: upload.md5.copy().digest(), crc32c: upload.crc32c }
  checkHashes(described, sums)
  checkHashes(readGoogHash(googHash), sums)
  checkPreconditions(upload.query, findObject(world, bucket, upload.name, null))
  const meta = metaOf(world, bucket, described, sums)
  upload.done = await putObject(world, bucket, upload.name, pieces(world, id, upload.parts), meta, fault)
  await forget(world, id, upload)
  return reply(world, bucket.name, upload.done, origin)
}

async function* pieces({ objects }: StorageWorld, id: string, count: number): AsyncGenerator<Buffer> {
  for (let part = 0; part < count; part++) yield* objects.read(uploadsBucket, `${id}.${part}`)
}

async function forget({ objects }: StorageWorld, id: string, { parts }: Upload): Promise<void> {
  for (let part = 0; part < parts; part++) await objects.delete(uploadsBucket, `${id}.${part}`)
}

const resumeFrom = (receivedBytes: number): PlainReply => ({
  status: 308,
  headers: receivedBytes === 0 ? {} : { range: `bytes=0-${receivedBytes - 1}` },
})

const reply = (world: StorageWorld, bucket: string, object: GcsObject, origin: string): PlainReply => ({
  status: 200,
  headers: { 'content-type': 'application/json; charset=UTF-8' },
  body: JSON.stringify(objectView(bucketNamed(world, bucket), object, origin)),
})

/** `bytes 0-524287/2000000`, `bytes 0-524287/*`, `bytes * /2000000`; without the header the body is all there is. */
function readContentRange(
  header: string | undefined,
  length: number,
): { start?: number; totalBytes?: number } {
  if (header === undefined) return { start: 0, totalBytes: length }
  const [, first, last, total] = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(header) ?? []
  if (total === undefined) throw new Refusal(400, 'invalid', `Invalid Content-Range: ${header}`)
  const totalBytes = total === '*' ? {} : { totalBytes: Number(total) }
  if (first === undefined) return totalBytes
  if (Number(last) - Number(first) + 1 !== length)
    throw new Refusal(400, 'invalid', `Content-Range ${header} does not fit a body of ${length} bytes.`)
  return { start: Number(first), ...totalBytes }
}

function readGoogHash(header: string | undefined): { md5Hash?: string; crc32c?: string } {
  const said = new Map<string, string>()
  for (const part of header?.split(',') ?? []) {
    const [, name, value] = /^\s*(md5|crc32c)=(\S+)\s*$/.exec(part) ?? []
    if (name === undefined || value === undefined)
      throw new Refusal(400, 'invalid', `Invalid X-Goog-Hash: ${header}`)
    said.set(name, value)
  }
  const [md5Hash, crc] = [said.get('md5'), said.get('crc32c')]
  return { ...(md5Hash === undefined ? {} : { md5Hash }), ...(crc === undefined ? {} : { crc32c: crc }) }
}
