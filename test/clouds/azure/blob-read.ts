import { createHash } from 'node:crypto'
import type { PlainReply, PlainRequest } from '#test/clouds/core/server.ts'
import type { Fault } from '#test/clouds/core/types.ts'
import { badHeader, describe, open, rangeOf, thingAt } from '#test/clouds/azure/blob-bytes.ts'
import { maxRangeBytes } from '#test/clouds/azure/blob-write.ts'
import type { Context } from '#test/clouds/azure/context.ts'
import { crc64 } from '#test/clouds/azure/crc64.ts'
import type { Disk, Snapshot } from '#test/clouds/azure/estate.ts'
import { escapeXml, Refusal } from '#test/clouds/azure/replies.ts'
import { footerBytes } from '#test/clouds/azure/vhd.ts'

const mostRangesPerPage = 10_000

/** The store knows what was written in units of this size. */
const granuleBytes = 4096

export async function properties(context: Context, { url }: PlainRequest): Promise<PlainReply> {
  const blob = await open(context, url)
  return {
    status: 200,
    headers: { ...describe(blob), 'content-length': String(blob.sizeBytes), 'accept-ranges': 'bytes' },
  }
}

export async function download(
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

export async function listRanges(context: Context, { url, headers }: PlainRequest): Promise<PlainReply> {
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

function withFlippedByte(data: Buffer): Buffer {
  const flipped = Buffer.from(data)
  const middle = flipped.length >> 1
  flipped[middle] = (flipped[middle] ?? 0) ^ 1
  return flipped
}
