import { createHash, randomUUID } from 'node:crypto'
import type { PlainReply, PlainRequest } from '#test/clouds/core/server.ts'
import type { Fault } from '#test/clouds/core/types.ts'
import { badHeader } from '#test/clouds/azure/blob-bytes.ts'
import type { Context } from '#test/clouds/azure/context.ts'
import { crc64 } from '#test/clouds/azure/crc64.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'
import { blobOf, checkConditions } from '#test/clouds/azure/storage/blob-facts.ts'
import type { BlobTarget } from '#test/clouds/azure/storage/data-plane.ts'
import { enter, newEtag, type StoredBlob } from '#test/clouds/azure/storage/world.ts'

/** A new blob, not yet in its container. */
export function newBlob(
  { key, request }: Pick<BlobTarget, 'key' | 'request'>,
  facts: Pick<StoredBlob, 'type' | 'storeId' | 'sizeBytes'>,
): StoredBlob {
  const metadata = Object.entries(request.headers)
    .filter(([name]) => name.startsWith('x-ms-meta-'))
    .map(([name, value]) => [name.slice('x-ms-meta-'.length), value])
  return {
    key,
    etag: newEtag(),
    modifiedAt: new Date(),
    createdAt: new Date(),
    contentType: request.headers['x-ms-blob-content-type'] ?? 'application/octet-stream',
    metadata: Object.fromEntries(metadata) as Record<string, string>,
    versionId: new Date().toISOString().replace('Z', '0000Z'),
    ...facts,
  }
}

export async function stageBlock(
  { store }: Context,
  { request, container, key }: BlobTarget,
  fault: Fault | undefined,
): Promise<PlainReply> {
  const id = request.url.searchParams.get('blockid') ?? ''
  if (
    Buffer.from(id, 'base64').toString('base64') !== id ||
    id === '' ||
    Buffer.from(id, 'base64').length > 64
  )
    throw new Refusal(
      400,
      'InvalidQueryParameterValue',
      `Value for one of the query parameters is invalid: blockid '${id}'.`,
    )
  const blocks = container.staged.get(key) ?? new Map<string, string>()
  container.staged.set(key, blocks)
  const [first] = blocks.keys()
  if (first !== undefined && Buffer.from(first, 'base64').length !== Buffer.from(id, 'base64').length)
    throw new Refusal(
      400,
      'InvalidBlobOrBlock',
      'The specified blob or block content is invalid: block ids differ in length.',
    )
  if (request.body.length === 0) throw badHeader('Content-Length')
  const checks = checkBody(request)
  const storeId = `block-${randomUUID()}`
  await store.create(storeId, request.body.length)
  await store.write(storeId, 0, request.body)
  if (fault?.mode === 'corrupt_stored') await store.flip(storeId, 0)
  const replaced = blocks.get(id)
  blocks.set(id, storeId)
  if (replaced !== undefined) await store.remove(replaced)
  return { status: 201, headers: { ...checks, 'x-ms-request-server-encrypted': 'true' } }
}

export async function commitBlocks(context: Context, target: BlobTarget): Promise<PlainReply> {
  const { request, account, container, key } = target
  const body = request.body.toString()
  if (!/<BlockList\b/.test(body))
    throw new Refusal(400, 'InvalidXmlDocument', 'XML specified is not syntactically valid.')
  checkBody(request)
  const staged = container.staged.get(key) ?? new Map<string, string>()
  const earlier = container.blobs.get(key)
  const parts = [...body.matchAll(/<(Latest|Uncommitted|Committed)>([^<]*)<\/\1>/g)].map(
    ([, list, id = '']) => {
      const storeId = list === 'Committed' ? undefined : staged.get(id)
      if (storeId !== undefined) return { id, storeId, offset: 0, length: context.store.size(storeId) }
      const kept = list === 'Uncommitted' ? undefined : earlier?.blocks?.find((each) => each.id === id)
      if (earlier && kept) return { ...kept, storeId: earlier.storeId }
      throw new Refusal(400, 'InvalidBlockList', 'The specified block list is invalid.')
    },
  )
  const storeId = `blob-${randomUUID()}`
  const sizeBytes = parts.reduce((sum, { length }) => sum + length, 0)
  await context.store.create(storeId, sizeBytes)
  const blocks: NonNullable<StoredBlob['blocks']> = []
  let at = 0
  for (const { id, length, offset, storeId: from } of parts) {
    await context.store.write(storeId, at, await context.store.read(from, offset, length))
    blocks.push({ id, offset: at, length })
    at += length
  }
  const blob = { ...newBlob(target, { type: 'BlockBlob', storeId, sizeBytes }), blocks }
  await enter(context, account, container, blob)
  container.staged.delete(key)
  await Promise.all([...staged.values()].map((id) => context.store.remove(id)))
  return written(blob)
}

export async function putWholeBlob(context: Context, target: BlobTarget): Promise<PlainReply> {
  const { request, account, container } = target
  const checks = checkBody(request)
  const storeId = `blob-${randomUUID()}`
  await context.store.create(storeId, request.body.length)
  await context.store.write(storeId, 0, request.body)
  const blob = newBlob(target, { type: 'BlockBlob', storeId, sizeBytes: request.body.length })
  await enter(context, account, container, blob)
  return written(blob, checks)
}

export async function createPageBlob(context: Context, target: BlobTarget): Promise<PlainReply> {
  const { request, account, container } = target
  const sizeBytes = Number(request.headers['x-ms-blob-content-length'])
  if (!Number.isInteger(sizeBytes) || sizeBytes % 512 !== 0 || sizeBytes < 0)
    throw badHeader('x-ms-blob-content-length')
  const storeId = `blob-${randomUUID()}`
  await context.store.create(storeId, sizeBytes)
  const blob = newBlob(target, { type: 'PageBlob', storeId, sizeBytes })
  await enter(context, account, container, blob)
  return written(blob)
}

export async function writeBlobPages(
  { store }: Context,
  target: BlobTarget,
  fault: Fault | undefined,
): Promise<PlainReply> {
  const { request } = target
  const blob = blobOf(target)
  if (blob.type !== 'PageBlob')
    throw new Refusal(409, 'InvalidBlobType', 'The blob type is invalid for this operation.')
  if (request.headers['x-ms-page-write'] !== 'update') throw badHeader('x-ms-page-write')
  const given = request.headers['x-ms-range'] ?? request.headers['range'] ?? ''
  const [, first = '', last = ''] = /^bytes=(\d+)-(\d+)$/.exec(given) ?? []
  const [offset, end] = [Number(first), Number(last) + 1]
  if (first === '' || offset % 512 !== 0 || end % 512 !== 0 || end > blob.sizeBytes || end <= offset)
    throw new Refusal(416, 'InvalidPageRange', 'The page range specified is invalid.')
  if (end - offset > 4 * 2 ** 20)
    throw new Refusal(
      413,
      'RequestBodyTooLarge',
      'The request body is too large and exceeds the maximum permissible limit.',
    )
  if (request.body.length !== end - offset) throw badHeader('Content-Length')
  const checks = checkBody(request)
  await store.write(blob.storeId, offset, request.body)
  if (fault?.mode === 'corrupt_stored') await store.flip(blob.storeId, offset)
  blob.etag = newEtag()
  blob.modifiedAt = new Date()
  return written(blob, checks)
}

export async function deleteBlob(context: Context, target: BlobTarget): Promise<PlainReply> {
  const { container, account, key, request } = target
  const blob = blobOf(target)
  checkConditions(request.headers, blob)
  container.blobs.delete(key)
  if (account.versioning && blob.type === 'BlockBlob') container.versions.push(blob)
  else await context.store.remove(blob.storeId)
  return { status: 202 }
}

const written = (blob: StoredBlob, checks: Record<string, string> = {}): PlainReply => ({
  status: 201,
  headers: {
    etag: blob.etag,
    'last-modified': blob.modifiedAt.toUTCString(),
    'x-ms-version-id': blob.versionId,
    'x-ms-request-server-encrypted': 'true',
    ...checks,
  },
})

/** The checksums of the body as it arrived; refused where the sender named others. */
function checkBody({ headers, body }: PlainRequest): Record<string, string> {
  const md5 = createHash('md5').update(body).digest('base64')
  if (headers['content-md5'] !== undefined && headers['content-md5'] !== md5)
    throw new Refusal(
      400,
      'Md5Mismatch',
      'The MD5 value specified in the request did not match with the MD5 value calculated by the server.',
    )
  const given = headers['x-ms-content-crc64']
  if (given !== undefined && given !== crc64(body).toString('base64'))
    throw new Refusal(
      400,
      'Crc64Mismatch',
      'The CRC64 value specified in the request did not match with the CRC64 value calculated by the server.',
    )
  return { 'content-md5': md5 }
}
