import { createHash } from 'node:crypto'
import type { PlainReply } from '#test/clouds/core/server.ts'
import type { Fault } from '#test/clouds/core/types.ts'
import { badHeader, rangeOf } from '#test/clouds/azure/blob-bytes.ts'
import type { Context } from '#test/clouds/azure/context.ts'
import { crc64 } from '#test/clouds/azure/crc64.ts'
import { escapeXml, Refusal } from '#test/clouds/azure/replies.ts'
import { blobOf, checkConditions, copyHeaders, copyStateOf } from '#test/clouds/azure/storage/blob-facts.ts'
import type { BlobTarget } from '#test/clouds/azure/storage/data-plane.ts'
import type { StoredBlob } from '#test/clouds/azure/storage/world.ts'

const mostPerPage = 5000

export function showBlob(_: Context, target: BlobTarget): Promise<PlainReply> {
  const blob = blobOf(target)
  checkConditions(target.request.headers, blob)
  return Promise.resolve({
    status: 200,
    headers: {
      ...describe(blob),
      'content-length': String(blob.sizeBytes),
      'accept-ranges': 'bytes',
      'x-ms-creation-time': blob.createdAt.toUTCString(),
      'x-ms-server-encrypted': 'true',
    },
  })
}

export async function downloadBlob(
  { store }: Context,
  target: BlobTarget,
  fault: Fault | undefined,
): Promise<PlainReply> {
  const { request } = target
  const blob = blobOf(target)
  checkConditions(request.headers, blob)
  if (copyStateOf(blob) === 'pending')
    throw new Refusal(409, 'PendingCopyOperation', 'There is currently a pending copy operation.')
  const range = rangeOf(request.headers, blob.sizeBytes)
  const { offset, length } = range ?? { offset: 0, length: blob.sizeBytes }
  const wanted = (name: string) => request.headers[`x-ms-range-get-content-${name}`]?.toLowerCase() === 'true'
  if (wanted('md5') && wanted('crc64')) throw badHeader('x-ms-range-get-content-crc64')
  if ((wanted('md5') || wanted('crc64')) && (range === undefined || length > 4 * 2 ** 20))
    throw new Refusal(400, 'OutOfRangeInput', 'A checksum of a range is given for ranges of at most 4 MiB.')
  if (length > 64 * 2 ** 20)
    throw new Refusal(400, 'OutOfRangeInput', 'This loopback answers at most 64 MiB at once.')
  const data = length === 0 ? Buffer.alloc(0) : await store.read(blob.storeId, offset, length)
  const headers = {
    ...describe(blob),
    'accept-ranges': 'bytes',
    ...(range ? { 'content-range': `bytes ${offset}-${offset + length - 1}/${blob.sizeBytes}` } : {}),
    ...(wanted('md5') ? { 'content-md5': createHash('md5').update(data).digest('base64') } : {}),
    ...(wanted('crc64') ? { 'x-ms-content-crc64': crc64(data).toString('base64') } : {}),
  }
  if (fault?.mode === 'corrupt_read') {
    const middle = data.length >> 1
    data[middle] = (data[middle] ?? 0) ^ 1
  }
  return { status: range ? 206 : 200, headers, body: data }
}

export function listBlobs(
  { pageSize }: Context,
  { request, container, account }: BlobTarget,
): Promise<PlainReply> {
  const query = request.url.searchParams
  const prefix = query.get('prefix') ?? ''
  const includes = (query.get('include') ?? '').split(',').filter((each) => each !== '')
  const unknown = includes.find(
    (each) => !['metadata', 'versions', 'snapshots', 'copy', 'tags', 'deleted'].includes(each),
  )
  if (unknown !== undefined) throw badQuery('include', unknown)
  const blobs = [...container.blobs.values(), ...(includes.includes('versions') ? container.versions : [])]
    .filter(({ key }) => key.startsWith(prefix))
    .toSorted(
      (a, b) =>
        Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)) || (a.versionId < b.versionId ? -1 : 1),
    )
  const start = startOf(query.get('marker'))
  const end = start + Math.min(mostOf(query.get('maxresults')), pageSize)
  const items = blobs.slice(start, end).map((blob) => {
    const version = account.versioning
      ? `<VersionId>${blob.versionId}</VersionId>${container.blobs.get(blob.key) === blob ? '<IsCurrentVersion>true</IsCurrentVersion>' : ''}`
      : ''
    return `<Blob><Name>${escapeXml(blob.key)}</Name>${version}<Properties><Creation-Time>${blob.createdAt.toUTCString()}</Creation-Time><Last-Modified>${blob.modifiedAt.toUTCString()}</Last-Modified><Etag>${blob.etag.slice(1, -1)}</Etag><Content-Length>${blob.sizeBytes}</Content-Length><Content-Type>${blob.contentType}</Content-Type><BlobType>${blob.type}</BlobType><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted></Properties></Blob>`
  })
  const marker = end < blobs.length ? Buffer.from(`2!${end}`).toString('base64') : ''
  return Promise.resolve({
    status: 200,
    headers: { 'content-type': 'application/xml', 'x-ms-version': request.headers['x-ms-version'] ?? '' },
    body: `<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://${account.name}.blob.core.windows.net/" ContainerName="${container.name}"><Prefix>${escapeXml(prefix)}</Prefix><Blobs>${items.join('')}</Blobs><NextMarker>${marker}</NextMarker></EnumerationResults>`,
  })
}

const describe = (blob: StoredBlob): Record<string, string> => ({
  etag: blob.etag,
  'last-modified': blob.modifiedAt.toUTCString(),
  'content-type': blob.contentType,
  'x-ms-blob-type': blob.type,
  'x-ms-version': '2025-11-05',
  ...Object.fromEntries(Object.entries(blob.metadata).map(([name, value]) => [`x-ms-meta-${name}`, value])),
  ...copyHeaders(blob),
})

function mostOf(given: string | null): number {
  const most = given === null ? mostPerPage : Number(given)
  if (Number.isInteger(most) && most >= 1) return Math.min(most, mostPerPage)
  throw badQuery('maxresults', String(given))
}

function startOf(marker: string | null): number {
  if (marker === null || marker === '') return 0
  const [, start] = /^2!(\d+)$/.exec(Buffer.from(marker, 'base64').toString()) ?? []
  if (start !== undefined) return Number(start)
  throw badQuery('marker', marker)
}

const badQuery = (name: string, value: string): Refusal =>
  new Refusal(
    400,
    'InvalidQueryParameterValue',
    `Value for one of the query parameters specified in the request URI is invalid: ${name} '${value}'.`,
  )
