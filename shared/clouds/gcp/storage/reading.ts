import { createHash } from 'node:crypto'
import { CloudError } from '#shared/clouds/errors.ts'
import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { toCloudError } from '#shared/clouds/gcp/errors.ts'
import { damaged } from '#shared/clouds/gcp/storage/integrity.ts'
import { callSignal } from '#shared/clouds/scope.ts'

const operation = 'storage.objects.get'

/**
 * The bytes of an object from `offset`, to the end or `length` of them, in memory a piece at a time. A connection that breaks is taken up again where
 * it broke, on the same version of the object. A whole object is checked against the MD5 or CRC32C that came with it (a part has none).
 */
export async function* readObject(
  gcp: GcpClient,
  bucket: string,
  key: string,
  { offset = 0, length }: { offset?: number; length?: number },
): AsyncGenerator<Buffer> {
  if (length === 0) return
  const check = offset === 0 && length === undefined ? createHash('md5') : undefined
  const checksum = check ? await newChecksum() : undefined
  let generation: string | undefined
  let said: Said = {}
  let given = 0
  for (let breaks = 0; ; breaks++) {
    try {
      const response = await open(
        gcp,
        bucket,
        key,
        offset + given,
        length === undefined ? undefined : length - given,
        generation,
      )
      generation ??= response.headers.get('x-goog-generation') ?? undefined
      said = readHash(response.headers.get('x-goog-hash') ?? '')
      for await (const piece of (response.body ?? []) as AsyncIterable<Uint8Array>) {
        const data = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
        given += data.length
        if (said.md5 === undefined) checksum?.update(data)
        else check?.update(data)
        yield data
      }
      break
    } catch (error) {
      callSignal()?.throwIfAborted()
      const failure = toCloudError(operation, error)
      if (!(failure instanceof CloudError) || !passing.has(failure.code) || breaks === mostBreaks)
        throw failure
    }
  }
  const got = said.md5 === undefined ? checksum?.toString() : check?.digest('base64')
  const wanted = said.md5 ?? said.crc32c
  if (got !== undefined && wanted !== undefined && got !== wanted)
    throw damaged(operation, `gs://${bucket}/${key} did not arrive as it is stored.`)
}

interface Said {
  md5?: string
  crc32c?: string
}

const mostBreaks = 3
const passing = new Set(['network', 'timeout', 'unavailable'])

function open(
  gcp: GcpClient,
  bucket: string,
  key: string,
  offset: number,
  length: number | undefined,
  generation: string | undefined,
): Promise<Response> {
  const whole = offset === 0 && length === undefined
  const last = length === undefined ? '' : offset + length - 1
  return gcp.send(operation, {
    method: 'GET',
    service: 'storage',
    path: `/storage/v1/b/${encodeURIComponent(bucket)}/o/${encodeURIComponent(key)}`,
    query: { alt: 'media', generation },
    ...(whole ? {} : { headers: { range: `bytes=${offset}-${last}` } }),
  })
}

/** `crc32c=AAAAAA==,md5=…` */
function readHash(header: string): Said {
  const parts = new Map(
    header
      .split(',')
      .map((part) => [part.split('=', 1)[0]?.trim(), part.slice(part.indexOf('=') + 1).trim()]),
  )
  const [md5, crc32c] = [parts.get('md5'), parts.get('crc32c')]
  return { ...(md5 ? { md5 } : {}), ...(crc32c ? { crc32c } : {}) }
}

const newChecksum = async () => new (await import('@google-cloud/storage')).CRC32C()
