import { createHash } from 'node:crypto'
import type { FileMetadata } from '@google-cloud/storage'
import { CloudError } from '#shared/clouds/errors.ts'
import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { damaged } from '#shared/clouds/gcp/storage/integrity.ts'
import type { PutOptions } from '#shared/clouds/gcp/storage/objects.ts'

const operation = 'storage.objects.insert'

/**
 * A resumable upload (https://cloud.google.com/storage/docs/performing-resumable-uploads): pieces of 8 MiB, each sent again from where Google has it
 * when its reply is lost. With the last one goes the MD5 of the whole, so that Google keeps nothing that is damaged. Gives the object as
 * Google describes it, and the MD5 (base64) of what was sent.
 */
export async function uploadResumable(
  gcp: GcpClient,
  bucket: string,
  {
    key,
    sizeBytes,
    body,
    contentType = 'application/octet-stream',
    metadata = {},
    ifGenerationMatch,
  }: { key: string; sizeBytes: number; body: AsyncIterable<Uint8Array> } & PutOptions,
): Promise<{ described: FileMetadata; md5: string }> {
  const session = await begin(gcp, bucket, {
    query: { uploadType: 'resumable', name: key, ifGenerationMatch },
    headers: { 'x-upload-content-type': contentType, 'x-upload-content-length': String(sizeBytes) },
    body: { contentType, metadata },
  })
  const digest = createHash('md5')
  let sentBytes = 0
  for await (const piece of piecesOf(body)) {
    digest.update(piece)
    const isLast = sentBytes + piece.length >= sizeBytes
    if (sentBytes + piece.length > sizeBytes) throw wrongSize(key, sizeBytes)
    const md5 = isLast ? digest.copy().digest('base64') : undefined
    const described = await sendPiece(gcp, session, { piece, offset: sentBytes, sizeBytes, md5 })
    sentBytes += piece.length
    if (described === undefined) continue
    if (!isLast)
      throw damaged(operation, `gs://${bucket}/${key} ended after ${sentBytes} of ${sizeBytes} bytes.`)
    return { described, md5: digest.digest('base64') }
  }
  if (sizeBytes > 0) throw wrongSize(key, sizeBytes)
  const md5 = digest.digest('base64')
  const described = await sendPiece(gcp, session, { piece: Buffer.alloc(0), offset: 0, sizeBytes: 0, md5 })
  if (described === undefined) throw damaged(operation, `gs://${bucket}/${key} was not finished.`)
  return { described, md5 }
}

/** A multiple of 256 KiB, as all pieces but the last must be; Google advises 8 MiB at least. */
const pieceBytes = 8 * 2 ** 20

async function begin(
  gcp: GcpClient,
  bucket: string,
  request: { query: Record<string, string | undefined>; headers: Record<string, string>; body: object },
): Promise<Record<string, string>> {
  const path = `/upload/storage/v1/b/${encodeURIComponent(bucket)}/o`
  const response = await gcp.send(operation, { method: 'POST', service: 'storage', path, ...request })
  await response.arrayBuffer()
  // The session's address may name another host than the registration's endpoint does; its query is what counts.
  const location = response.headers.get('location')
  if (location === null) throw damaged(operation, 'Cloud Storage named no upload session.')
  return { ...Object.fromEntries(new URL(location).searchParams), bucket }
}

/** Sends one piece. Gives the object with the last one. */
async function sendPiece(
  gcp: GcpClient,
  { bucket = '', ...query }: Record<string, string>,
  {
    piece,
    offset,
    sizeBytes,
    md5,
  }: { piece: Buffer; offset: number; sizeBytes: number; md5: string | undefined },
): Promise<FileMetadata | undefined> {
  const end = offset + piece.length
  const put = (range: string, body: Buffer) =>
    gcp.send(operation, {
      method: 'PUT',
      service: 'storage',
      path: `/upload/storage/v1/b/${encodeURIComponent(bucket)}/o`,
      query,
      headers: {
        'content-range': range,
        ...(md5 !== undefined && body.length > 0 ? { 'x-goog-hash': `md5=${md5}` } : {}),
      },
      body,
    })
  const whole = piece.length === 0 ? `bytes */${sizeBytes}` : undefined
  for (let [from, losses] = [offset, 0]; ;) {
    let response: Response
    try {
      response = await put(whole ?? `bytes ${from}-${end - 1}/${sizeBytes}`, piece.subarray(from - offset))
    } catch (error) {
      if (!(error instanceof CloudError && passing.has(error.code)) || losses === mostLosses) throw error
      losses += 1
      response = await put(`bytes */${sizeBytes}`, Buffer.alloc(0))
    }
    if (response.status !== 308) return (await response.json()) as FileMetadata
    await response.arrayBuffer()
    const received = Number(/-(\d+)$/.exec(response.headers.get('range') ?? '')?.[1] ?? -1) + 1
    if (received >= end && end < sizeBytes) return undefined
    if (received < from && losses > mostLosses)
      throw damaged(operation, 'Cloud Storage lost what it had received.')
    losses += received <= from ? 1 : 0
    if (losses > mostLosses) throw damaged(operation, `Cloud Storage takes no more after ${received} bytes.`)
    from = Math.max(offset, received)
  }
}

const mostLosses = 3
const passing = new Set(['network', 'timeout', 'unavailable'])

async function* piecesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let waiting: Uint8Array[] = []
  let waitingBytes = 0
  for await (const data of body) {
    waiting.push(data)
    waitingBytes += data.length
    if (waitingBytes < pieceBytes) continue
    const joined = Buffer.concat(waiting)
    const whole = joined.length - (joined.length % pieceBytes)
    for (let at = 0; at < whole; at += pieceBytes) yield joined.subarray(at, at + pieceBytes)
    waiting = [joined.subarray(whole)]
    waitingBytes = joined.length - whole
  }
  if (waitingBytes > 0) yield Buffer.concat(waiting)
}

const wrongSize = (key: string, sizeBytes: number): CloudError =>
  new CloudError(`The bytes for ${key} are not ${sizeBytes}, as was announced.`, {
    cloud: 'gcp',
    operation,
    code: 'invalid_request',
    remedy: 'Give the true size as sizeBytes.',
    details: { field: 'sizeBytes' },
  })
