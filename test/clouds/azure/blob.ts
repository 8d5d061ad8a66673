import { createHash } from 'node:crypto'
import type { PlainReply, PlainRequest } from '#test/clouds/core/server.ts'
import type { Fault } from '#test/clouds/core/types.ts'
import type { Context } from '#test/clouds/azure/context.ts'
import type { Disk, Snapshot } from '#test/clouds/azure/estate.ts'
import { crc64 } from '#test/clouds/azure/crc64.ts'
import { escapeXml, Refusal } from '#test/clouds/azure/replies.ts'
import { footerBytes } from '#test/clouds/azure/vhd.ts'

/** The blob service in front of disks, snapshots and serial logs. */

const maxRangeBytes = 4 * 1024 * 1024
const mostRangesPerPage = 10_000
/** The store knows what was written in units of this size. */
const granuleBytes = 4096

export interface BlobCall {
  operation:
    | 'PageBlob_GetPageRanges'
    | 'PageBlob_UploadPages'
    | 'PageBlob_ClearPages'
    | 'Blob_Download'
    | 'Blob_GetProperties'
  mutating: boolean
  answer: (fault: Fault | undefined) => Promise<PlainReply>
}

/** Recognises a request to the blob service. */
export function matchBlob(context: Context, request: PlainRequest): BlobCall | undefined {
  const { method, url, headers } = request
  if (!/^\/(md|md-impexp|bootdiag)[-/]/.test(url.pathname)) return undefined
  const comp = url.searchParams.get('comp')
  const call = (
    operation: BlobCall['operation'],
    mutating: boolean,
    answer: BlobCall['answer'],
  ): BlobCall => ({
    operation,
    mutating,
    async answer(fault) {
      context.signatures.check(url, mutating ? 'Write' : 'Read')
      checkVersion(headers)
      return answer(fault)
    },
  })
  if (method === 'GET' && comp === 'pagelist')
    return call('PageBlob_GetPageRanges', false, () => listRanges(context, request))
  if (method === 'PUT' && comp === 'page') {
    if (headers['x-ms-page-write'] === 'clear')
      return call('PageBlob_ClearPages', true, () => clearPages(context, request))
    return call('PageBlob_UploadPages', true, (fault) => putPages(context, request, fault))
  }
  if (method === 'GET' && comp === null)
    return call('Blob_Download', false, (fault) => download(context, request, fault))
  if (method === 'HEAD' && comp === null)
    return call('Blob_GetProperties', false, () => properties(context, request))
  return undefined
}

function checkVersion(headers: PlainRequest['headers']): void {
  if (/^\d{4}-\d\d-\d\d$/.test(headers['x-ms-version'] ?? '')) return
  throw new Refusal(
    400,
    'InvalidHeaderValue',
    'The value for one of the HTTP headers is not in the correct format: x-ms-version.',
  )
}

interface Blob {
  sizeBytes: number
  type: string
  etag: string
  modified: Date
  read(offset: number, length: number): Promise<Buffer>
}

async function open(context: Context, { pathname }: URL): Promise<Blob> {
  if (pathname.startsWith('/bootdiag/')) return openLog(context, pathname)
  const thing = thingAt(context, pathname)
  return {
    sizeBytes: thing.sizeBytes + footerBytes,
    type: 'PageBlob',
    etag: thing.etag,
    modified: thing.createdAt,
    async read(offset, length) {
      const inDisk = Math.max(0, Math.min(offset + length, thing.sizeBytes) - offset)
      const data = inDisk === 0 ? Buffer.alloc(0) : await context.store.read(thing.storeId, offset, inDisk)
      const inFooter = thing.footer.subarray(
        offset + inDisk - thing.sizeBytes,
        offset + length - thing.sizeBytes,
      )
      return inDisk === length ? data : Buffer.concat([data, inFooter])
    },
  }
}

async function openLog(context: Context, pathname: string): Promise<Blob> {
  const [, , vmId = '', name] = pathname.split('/')
  const log =
    name === 'serialconsole.log'
      ? Buffer.from(await context.machines.console(vmId), 'latin1')
      : Buffer.alloc(0)
  if (log.length === 0) throw new Refusal(404, 'BlobNotFound', 'The specified blob does not exist.')
  return {
    sizeBytes: log.length,
    type: 'AppendBlob',
    etag: `"0x${log.length.toString(16).toUpperCase()}"`,
    modified: new Date(),
    read: (offset, length) => Promise.resolve(log.subarray(offset, offset + length)),
  }
}

function thingAt({ estate }: Context, pathname: string): Disk | Snapshot {
  const all = [...estate.list('disk'), ...estate.list('snapshot')]
  const found = all.find(({ grant }) => grant && new URL(grant.url).pathname === pathname)
  if (found) return found
  throw new Refusal(404, 'BlobNotFound', 'The specified blob does not exist.')
}

async function properties(context: Context, { url }: PlainRequest): Promise<PlainReply> {
  const blob = await open(context, url)
  return {
    status: 200,
    headers: { ...describe(blob), 'content-length': String(blob.sizeBytes), 'accept-ranges': 'bytes' },
  }
}

async function download(
  context: Context,
  request: PlainRequest,
  fault: Fault | undefined,
): Promise<PlainReply> {
  const blob = await open(context, request.url)
  const range = rangeOf(request.headers, blob.sizeBytes)
  const { offset, length } = range ?? { offset: 0, length: blob.sizeBytes }
  const wanted = (name: string) => request.headers[`x-ms-range-get-content-${name}`]?.toLowerCase() === 'true'
  if (wanted('md5') && wanted('crc64')) throw badHeader('x-ms-range-get-content-crc64')
  if ((wanted('md5') || wanted('crc64')) && (range === undefined || length > maxRangeBytes)) {
    throw new Refusal(400, 'OutOfRangeInput', 'A checksum of a range is given for ranges of at most 4 MiB.')
  }
  if (length > 16 * maxRangeBytes)
    throw new Refusal(400, 'OutOfRangeInput', 'This loopback answers at most 64 MiB at once.')
  const data = await blob.read(offset, length)
  const headers = {
    ...describe(blob),
    'content-type': 'application/octet-stream',
    'accept-ranges': 'bytes',
    ...(range ? { 'content-range': `bytes ${offset}-${offset + length - 1}/${blob.sizeBytes}` } : {}),
    ...(wanted('md5') ? { 'content-md5': createHash('md5').update(data).digest('base64') } : {}),
    ...(wanted('crc64') ? { 'x-ms-content-crc64': crc64(data).toString('base64') } : {}),
  }
  return {
    status: range ? 206 : 200,
    headers,
    body: fault?.mode === 'corrupt_read' ? withFlippedByte(data) : data,
  }
}

async function listRanges(context: Context, { url, headers }: PlainRequest): Promise<PlainReply> {
  const blob = await open(context, url)
  const thing = thingAt(context, url.pathname)
  const { offset, length } = rangeOf(headers, blob.sizeBytes) ?? { offset: 0, length: blob.sizeBytes }
  const most = pageSize(url.searchParams.get('maxresults'))
  const from = markerOf(url.searchParams.get('marker'), offset)
  const ranges = (await writtenRanges(context, thing))
    .map(({ start, end }) => ({ start: Math.max(start, from), end: Math.min(end, offset + length) }))
    .filter(({ start, end }) => start < end)
  const next = ranges[most]
  const items = ranges
    .slice(0, most)
    .map(({ start, end }) => `<PageRange><Start>${start}</Start><End>${end - 1}</End></PageRange>`)
  const marker = next ? `<NextMarker>${escapeXml(markerFor(next.start))}</NextMarker>` : '<NextMarker/>'
  return {
    status: 200,
    headers: {
      ...describe(blob),
      'content-type': 'application/xml',
      'x-ms-blob-content-length': String(blob.sizeBytes),
    },
    body: `<?xml version="1.0" encoding="utf-8"?><PageList>${items.join('')}${marker}</PageList>`,
  }
}

function pageSize(given: string | null): number {
  if (given === null) return mostRangesPerPage
  const most = Number(given)
  if (Number.isInteger(most) && most >= 1) return Math.min(most, mostRangesPerPage)
  throw new Refusal(
    400,
    'OutOfRangeQueryParameterValue',
    `The value for query parameter maxresults, '${given}', is out of range.`,
  )
}

const markerFor = (start: number): string => Buffer.from(`2!${start}`).toString('base64')

function markerOf(given: string | null, offset: number): number {
  if (given === null || given === '') return offset
  const [, start] = /^2!(\d+)$/.exec(Buffer.from(given, 'base64').toString()) ?? []
  if (start !== undefined) return Number(start)
  throw new Refusal(
    400,
    'InvalidQueryParameterValue',
    `The value for query parameter marker, '${given}', is invalid.`,
  )
}

/** What was written, as runs, with the footer at the end. */
async function writtenRanges(
  { store }: Context,
  thing: Disk | Snapshot,
): Promise<{ start: number; end: number }[]> {
  const runs: { start: number; end: number }[] = []
  const blocks = await store.allocated(thing.storeId, granuleBytes)
  for (const block of blocks) {
    const [start, end] = [block * granuleBytes, Math.min((block + 1) * granuleBytes, thing.sizeBytes)]
    const last = runs.at(-1)
    if (last?.end === start) last.end = end
    else runs.push({ start, end })
  }
  runs.push({ start: thing.sizeBytes, end: thing.sizeBytes + footerBytes })
  return runs
}

async function putPages(
  context: Context,
  { url, headers, body }: PlainRequest,
  fault: Fault | undefined,
): Promise<PlainReply> {
  const thing = thingAt(context, url.pathname)
  if (headers['x-ms-page-write'] !== 'update') throw badHeader('x-ms-page-write')
  const { offset, length } = pageRange(headers, thing.sizeBytes + footerBytes)
  if (length > maxRangeBytes || body.length > maxRangeBytes) {
    throw new Refusal(
      413,
      'RequestBodyTooLarge',
      'The request body is too large and exceeds the maximum permissible limit.',
    )
  }
  if (body.length !== length) throw badHeader('Content-Length')
  const md5 = createHash('md5').update(body).digest()
  if (headers['content-md5'] !== undefined && headers['content-md5'] !== md5.toString('base64')) {
    throw new Refusal(
      400,
      'Md5Mismatch',
      'The MD5 value specified in the request did not match with the MD5 value calculated by the server.',
    )
  }
  const crc = headers['x-ms-content-crc64']
  if (crc !== undefined && crc !== crc64(body).toString('base64')) {
    throw new Refusal(
      400,
      'Crc64Mismatch',
      'The CRC64 value specified in the request did not match with the CRC64 value calculated by the server.',
    )
  }
  await writeBytes(context, thing, offset, body)
  if (fault?.mode === 'corrupt_stored')
    await context.store.flip(thing.storeId, Math.min(offset, thing.sizeBytes - 1))
  thing.etag = `"0x${Date.now().toString(16).toUpperCase()}"`
  return {
    status: 201,
    headers: {
      etag: thing.etag,
      'last-modified': new Date().toUTCString(),
      'x-ms-version': headers['x-ms-version'] ?? '',
      'x-ms-blob-sequence-number': '0',
      'x-ms-request-server-encrypted': 'true',
      'content-md5': md5.toString('base64'),
    },
  }
}

async function clearPages(context: Context, { url, headers, body }: PlainRequest): Promise<PlainReply> {
  const thing = thingAt(context, url.pathname)
  const { offset, length } = pageRange(headers, thing.sizeBytes + footerBytes)
  if (body.length > 0) throw badHeader('Content-Length')
  if (length > 16 * maxRangeBytes)
    throw new Refusal(400, 'OutOfRangeInput', 'This loopback clears at most 64 MiB at once.')
  await writeBytes(context, thing, offset, Buffer.alloc(length))
  return {
    status: 201,
    headers: {
      etag: thing.etag,
      'last-modified': new Date().toUTCString(),
      'x-ms-blob-sequence-number': '0',
    },
  }
}

async function writeBytes(
  { store }: Context,
  thing: Disk | Snapshot,
  offset: number,
  data: Buffer,
): Promise<void> {
  const inDisk = Math.max(0, Math.min(data.length, thing.sizeBytes - offset))
  if (inDisk > 0) await store.write(thing.storeId, offset, data.subarray(0, inDisk))
  if (inDisk < data.length) data.copy(thing.footer, offset + inDisk - thing.sizeBytes, inDisk)
}

/** `x-ms-range` wins over `Range`. */
function rangeOf(
  headers: PlainRequest['headers'],
  sizeBytes: number,
): { offset: number; length: number } | undefined {
  const given = headers['x-ms-range'] ?? headers['range']
  if (given === undefined) return undefined
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(given) ?? []
  if (first === undefined) throw badHeader('x-ms-range')
  const offset = Number(first)
  const end = last === '' || last === undefined ? sizeBytes : Math.min(Number(last) + 1, sizeBytes)
  if (offset >= sizeBytes || end <= offset) {
    throw new Refusal(
      416,
      'InvalidRange',
      'The range specified is invalid for the current size of the resource.',
    )
  }
  return { offset, length: end - offset }
}

function pageRange(headers: PlainRequest['headers'], sizeBytes: number): { offset: number; length: number } {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers['x-ms-range'] ?? headers['range'] ?? '') ?? []
  if (first === undefined) throw badHeader('x-ms-range')
  const [offset, end] = [Number(first), Number(last) + 1]
  if (offset % 512 !== 0 || end % 512 !== 0 || end <= offset || end > sizeBytes) {
    throw new Refusal(416, 'InvalidPageRange', 'The page range specified is invalid.')
  }
  return { offset, length: end - offset }
}

const describe = (blob: Blob): Record<string, string> => ({
  etag: blob.etag,
  'last-modified': blob.modified.toUTCString(),
  'x-ms-blob-type': blob.type,
  'x-ms-version': '2025-11-05',
})

function withFlippedByte(data: Buffer): Buffer {
  const flipped = Buffer.from(data)
  const middle = flipped.length >> 1
  flipped[middle] = (flipped[middle] ?? 0) ^ 1
  return flipped
}

const badHeader = (name: string): Refusal =>
  new Refusal(
    400,
    'InvalidHeaderValue',
    `The value for one of the HTTP headers is not in the correct format: ${name}.`,
  )
