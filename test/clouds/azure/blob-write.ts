import { createHash } from 'node:crypto'
import type { PlainReply, PlainRequest } from '#test/clouds/core/server.ts'
import type { Fault } from '#test/clouds/core/types.ts'
import { badHeader, thingAt } from '#test/clouds/azure/blob-bytes.ts'
import type { Context } from '#test/clouds/azure/context.ts'
import { crc64 } from '#test/clouds/azure/crc64.ts'
import type { Disk, Snapshot } from '#test/clouds/azure/estate.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'
import { footerBytes } from '#test/clouds/azure/vhd.ts'

/** Put Page takes, and a checksummed read gives, at most this much. */
export const maxRangeBytes = 4 * 1024 * 1024

export async function putPages(
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

export async function clearPages(
  context: Context,
  { url, headers, body }: PlainRequest,
): Promise<PlainReply> {
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

function pageRange(headers: PlainRequest['headers'], sizeBytes: number): { offset: number; length: number } {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers['x-ms-range'] ?? headers['range'] ?? '') ?? []
  if (first === undefined) throw badHeader('x-ms-range')
  const [offset, end] = [Number(first), Number(last) + 1]
  if (offset % 512 !== 0 || end % 512 !== 0 || end <= offset || end > sizeBytes) {
    throw new Refusal(416, 'InvalidPageRange', 'The page range specified is invalid.')
  }
  return { offset, length: end - offset }
}
