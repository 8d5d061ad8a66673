import { createHash } from 'node:crypto'
import type { PlainReply } from '#test/clouds/core/server.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import { afterToken } from '#test/clouds/aws/s3/buckets.ts'
import {
  bucketOf,
  empty,
  newVersionId,
  numberIn,
  xmlReply,
  type S3Call,
  type S3Operation,
} from '#test/clouds/aws/s3/call.ts'
import { currentVersion, isVersioned, type Bucket, type Version } from '#test/clouds/aws/s3/state.ts'
import type { World } from '#test/clouds/aws/world.ts'

export const objectOperations: Readonly<Record<string, S3Operation>> = {
  PutObject: {
    method: 'PUT',
    on: 'object',
    headers: ['x-amz-tagging', 'x-amz-server-side-encryption', 'x-amz-storage-class'],
    async run(call) {
      const bucket = bucketOf(call)
      const version = await putBytes(call.world, bucket, call.key, [damaged(call)], {
        etag: md5(call.body),
        checksums: call.checksums,
        contentType: call.headers['content-type'] ?? 'binary/octet-stream',
      })
      return empty(200, {
        etag: `"${version.etag}"`,
        ...checksumHeaders(version),
        ...versionHeader(bucket, version),
      })
    },
  },

  CopyObject: {
    method: 'PUT',
    on: 'object',
    given: 'x-amz-copy-source',
    headers: ['x-amz-metadata-directive'],
    async run(call) {
      const bucket = bucketOf(call)
      const { from, version: source } = copySource(call)
      if (source.sizeBytes > 5 * 2 ** 30)
        throw new Refusal(
          'InvalidRequest',
          'The specified copy source is larger than the maximum allowable size for a copy source: 5368709120',
        )
      const bytes = call.world.services.objects.read(from.name, source.storeKey ?? '')
      const version = await putBytes(call.world, bucket, call.key, bytes, source)
      return xmlReply('CopyObjectResult', { ETag: `"${version.etag}"`, LastModified: version.modifiedAt })
    },
  },

  GetObject: {
    method: 'GET',
    on: 'object',
    query: ['versionId', 'partNumber'],
    run: (call) => readObject(call),
  },
  HeadObject: {
    method: 'HEAD',
    on: 'object',
    query: ['versionId', 'partNumber'],
    run(call) {
      const version = chosenVersion(call, bucketOf(call))
      return empty(200, { ...objectHeaders(version), 'content-length': String(version.sizeBytes) })
    },
  },

  DeleteObject: {
    method: 'DELETE',
    on: 'object',
    query: ['versionId'],
    async run(call) {
      await removeObject(call.world, bucketOf(call), call.key, call.query.get('versionId'))
      return empty(204)
    },
  },

  ListObjectsV2: {
    method: 'GET',
    on: 'bucket',
    sub: 'list-type',
    query: ['prefix', 'max-keys', 'continuation-token', 'start-after', 'encoding-type'],
    run(call) {
      const { world, query } = call
      const bucket = bucketOf(call)
      const prefix = query.get('prefix') ?? ''
      const listing = `objects|${bucket.name}|${prefix}`
      const after = afterToken(world.unseal(query.get('continuation-token') ?? ''), listing, query)
      const from = after === '' ? (query.get('start-after') ?? '') : after
      const all = keysIn(bucket, prefix)
        .flatMap((key) => currentVersion(bucket, key) ?? [])
        .filter(({ key }) => Buffer.compare(Buffer.from(key), Buffer.from(from)) > 0)
      const page = all.slice(0, Math.min(numberIn(call, 'max-keys', 1000, 1000), world.pageLimit))
      const more = page.length < all.length
      return xmlReply('ListBucketResult', {
        Name: bucket.name,
        Prefix: prefix,
        KeyCount: page.length,
        MaxKeys: 1000,
        IsTruncated: more,
        NextContinuationToken: more ? world.seal(`${page.at(-1)?.key ?? ''}|${listing}`) : undefined,
        Contents: page.map(describe),
      })
    },
  },

  ListObjectVersions: {
    method: 'GET',
    on: 'bucket',
    sub: 'versions',
    query: ['prefix', 'max-keys', 'key-marker', 'version-id-marker', 'encoding-type'],
    run(call) {
      const bucket = bucketOf(call)
      const [keyMarker = '', versionMarker] = [
        call.query.get('key-marker'),
        call.query.get('version-id-marker'),
      ]
      const all = keysIn(bucket, call.query.get('prefix') ?? '').flatMap(
        (key) => bucket.versions.get(key) ?? [],
      )
      const at = all.findLastIndex(
        ({ key, versionId }) =>
          Buffer.compare(Buffer.from(key), Buffer.from(keyMarker)) < 0 ||
          (key === keyMarker && (versionMarker === undefined || versionId === versionMarker)),
      )
      const rest = all.slice(at + 1)
      const page = rest.slice(0, Math.min(numberIn(call, 'max-keys', 1000, 1000), call.world.pageLimit))
      const more = page.length < rest.length
      const entry = (version: Version) => ({
        VersionId: version.versionId,
        IsLatest: bucket.versions.get(version.key)?.[0] === version,
      })
      return xmlReply('ListVersionsResult', {
        Name: bucket.name,
        IsTruncated: more,
        NextKeyMarker: more ? page.at(-1)?.key : undefined,
        NextVersionIdMarker: more ? page.at(-1)?.versionId : undefined,
        Version: page
          .filter(({ storeKey }) => storeKey !== undefined)
          .map((version) => ({ ...describe(version), ...entry(version) })),
        DeleteMarker: page
          .filter(({ storeKey }) => storeKey === undefined)
          .map((version) => ({ Key: version.key, LastModified: version.modifiedAt, ...entry(version) })),
      })
    },
  },
}

/** Enters bytes as the newest version of a key; of a bucket without versions, in place of the one that was there. */
export async function putBytes(
  world: World,
  bucket: Bucket,
  key: string,
  body: AsyncIterable<Buffer> | Iterable<Buffer>,
  facts: Pick<Version, 'etag' | 'checksums' | 'contentType'>,
): Promise<Version> {
  if (Buffer.byteLength(key) > 1024) throw new Refusal('KeyTooLongError', 'Your key is too long')
  const storeKey = newVersionId()
  const { sizeBytes } = await world.services.objects.put(bucket.name, storeKey, body, undefined)
  const { etag, checksums, contentType } = facts
  const versionId = isVersioned(bucket) ? newVersionId() : 'null'
  const version = {
    key,
    versionId,
    storeKey,
    sizeBytes,
    etag,
    checksums,
    contentType,
    modifiedAt: new Date(world.clock.now()),
  }
  const kept = (bucket.versions.get(key) ?? []).filter((one) => one.versionId !== versionId)
  for (const one of bucket.versions.get(key) ?? []) {
    if (one.versionId === versionId && one.storeKey !== undefined)
      await world.services.objects.delete(bucket.name, one.storeKey)
  }
  bucket.versions.set(key, [version, ...kept])
  return version
}

/** What `x-amz-copy-source` names. */
export function copySource(call: S3Call): { from: Bucket; version: Version } {
  const path = decodeURIComponent(call.headers['x-amz-copy-source'] ?? '').replace(/^\//, '')
  const slash = path.indexOf('/')
  const from = bucketOf({ ...call, bucketName: path.slice(0, slash) })
  const version = currentVersion(from, path.slice(slash + 1))
  if (!version) throw new Refusal('NoSuchKey', 'The specified key does not exist.')
  return { from, version }
}

/** Deletes a version for good, or the key: for good without versions, behind a marker with them. */
export async function removeObject(
  world: World,
  bucket: Bucket,
  key: string,
  versionId: string | undefined,
): Promise<void> {
  const versions = bucket.versions.get(key) ?? []
  const target = versionId ?? (isVersioned(bucket) ? undefined : 'null')
  if (target === undefined) {
    const marker = { key, versionId: newVersionId(), storeKey: undefined, sizeBytes: 0, etag: '' }
    const entry = { ...marker, checksums: {}, contentType: '', modifiedAt: new Date(world.clock.now()) }
    bucket.versions.set(key, [entry, ...versions])
    return
  }
  for (const gone of versions.filter((one) => one.versionId === target)) {
    if (gone.storeKey !== undefined) await world.services.objects.delete(bucket.name, gone.storeKey)
  }
  const kept = versions.filter((one) => one.versionId !== target)
  if (kept.length > 0) bucket.versions.set(key, kept)
  else bucket.versions.delete(key)
}

export const md5 = (data: Buffer): string => createHash('md5').update(data).digest('hex')

export const checksumHeaders = ({ checksums }: Pick<Version, 'checksums'>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(checksums).map(([algorithm, value]) => [`x-amz-checksum-${algorithm}`, value]),
  )

/** What is kept of a body, which a fault may have changed. */
export function damaged({ body, fault }: Pick<S3Call, 'body' | 'fault'>): Buffer {
  if (fault?.mode !== 'corrupt_stored' || body.length === 0) return body
  const copy = Buffer.from(body)
  copy[0] = (copy[0] ?? 0) ^ 1
  return copy
}

const versionHeader = (bucket: Bucket, { versionId }: Version): Record<string, string> =>
  isVersioned(bucket) ? { 'x-amz-version-id': versionId } : {}

async function readObject(call: S3Call): Promise<PlainReply> {
  const bucket = bucketOf(call)
  const version = chosenVersion(call, bucket)
  const expected = call.headers['if-match']
  if (expected !== undefined && expected !== `"${version.etag}"`)
    throw new Refusal('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold')
  const range = rangeOf(call.headers['range'], version.sizeBytes)
  const chunks: Buffer[] = []
  for await (const chunk of call.world.services.objects.read(bucket.name, version.storeKey ?? '', range))
    chunks.push(chunk)
  const body = Buffer.concat(chunks)
  if (call.fault?.mode === 'corrupt_read' && body.length > 0) body[0] = (body[0] ?? 0) ^ 1
  const whole = call.headers['range'] === undefined
  const proved = whole && call.headers['x-amz-checksum-mode'] === 'ENABLED' ? checksumHeaders(version) : {}
  const last = range.offset + range.length - 1
  const part = whole ? {} : { 'content-range': `bytes ${range.offset}-${last}/${version.sizeBytes}` }
  return { status: whole ? 200 : 206, headers: { ...objectHeaders(version), ...proved, ...part }, body }
}

function chosenVersion(call: S3Call, bucket: Bucket): Version {
  const wanted = call.query.get('versionId')
  const version =
    wanted === undefined
      ? currentVersion(bucket, call.key)
      : bucket.versions.get(call.key)?.find(({ versionId }) => versionId === wanted)
  if (version?.storeKey !== undefined) return version
  throw new Refusal(wanted === undefined ? 'NoSuchKey' : 'NoSuchVersion', 'The specified key does not exist.')
}

/** `bytes=a-b`, `bytes=a-` and `bytes=-n`; what begins behind the end is refused. */
function rangeOf(header: string | undefined, sizeBytes: number): { offset: number; length: number } {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '')
  if (!match) return { offset: 0, length: sizeBytes }
  const [, first = '', last = ''] = match
  const offset = first === '' ? Math.max(0, sizeBytes - Number(last)) : Number(first)
  const end = first === '' || last === '' ? sizeBytes : Math.min(sizeBytes, Number(last) + 1)
  if (offset >= sizeBytes || end <= offset)
    throw new Refusal('InvalidRange', 'The requested range is not satisfiable')
  return { offset, length: end - offset }
}

const objectHeaders = (version: Version): Record<string, string> => ({
  etag: `"${version.etag}"`,
  'last-modified': version.modifiedAt.toUTCString(),
  'accept-ranges': 'bytes',
  'content-type': version.contentType,
})

const describe = (version: Version) => ({
  Key: version.key,
  LastModified: version.modifiedAt,
  ETag: `"${version.etag}"`,
  Size: version.sizeBytes,
  StorageClass: 'STANDARD',
})

/** Keys in the order of their UTF-8 bytes. */
const keysIn = (bucket: Bucket, prefix: string): string[] =>
  [...bucket.versions.keys()]
    .filter((key) => key.startsWith(prefix))
    .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
