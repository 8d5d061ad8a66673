import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { PlainRequest } from '#test/clouds/core/server.ts'
import { crc32c } from '#test/clouds/core/crc32c.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'

/**
 * The bytes of a request: decoded if they came as `aws-chunked`, and compared with every checksum that came with them, in a header or behind
 * them ("Checking object integrity in Amazon S3").
 */
export function readPayload({ headers, body }: PlainRequest): {
  body: Buffer
  checksums: Record<string, string>
} {
  const chunked = (headers['content-encoding'] ?? '').includes('aws-chunked')
  const { data, trailers } = chunked ? decodeChunks(body) : { data: body, trailers: {} }
  const announced = headers['x-amz-decoded-content-length']
  if (chunked && Number(announced) !== data.length)
    throw new Refusal('IncompleteBody', 'You did not provide the number of bytes specified by the header')
  const checksums: Record<string, string> = {}
  for (const [name, value] of Object.entries({ ...headers, ...trailers })) {
    const algorithm = /^x-amz-checksum-(\w+)$/.exec(name)?.[1]
    if (algorithm === undefined || algorithm === 'mode' || algorithm === 'type' || algorithm === 'algorithm')
      continue
    const digest = digests[algorithm]
    if (!digest)
      throw new Refusal('InvalidRequest', `Checksum algorithm ${algorithm} is not one that is kept here`)
    if (digest(data) !== value)
      throw new Refusal(
        'BadDigest',
        `The ${algorithm.toUpperCase()} you specified did not match the calculated checksum.`,
      )
    checksums[algorithm] = value
  }
  const md5 = headers['content-md5']
  if (md5 !== undefined && digests['md5']?.(data) !== md5)
    throw new Refusal('BadDigest', 'The Content-MD5 you specified did not match what we received.')
  return { body: data, checksums }
}

const hashed = (algorithm: string) => (data: Buffer) => createHash(algorithm).update(data).digest('base64')

function inFourBytes(value: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes.toString('base64')
}

const digests: Record<string, (data: Buffer) => string> = {
  md5: hashed('md5'),
  sha1: hashed('sha1'),
  sha256: hashed('sha256'),
  crc32: (data) => inFourBytes(crc32(data)),
  crc32c: (data) => inFourBytes(crc32c(data)),
}

/** `size-in-hex CRLF bytes CRLF … 0 CRLF trailer: value CRLF CRLF`. */
function decodeChunks(body: Buffer): { data: Buffer; trailers: Record<string, string> } {
  const parts: Buffer[] = []
  for (let at = 0; ;) {
    const lineEnd = body.indexOf('\r\n', at)
    const size = Number.parseInt(body.subarray(at, lineEnd).toString(), 16)
    if (lineEnd < 0 || !(size >= 0))
      throw new Refusal('IncompleteBody', 'The request body is not aws-chunked')
    at = lineEnd + 2
    if (size === 0) {
      const lines = body.subarray(at).toString().split('\r\n').filter(Boolean)
      const trailers = Object.fromEntries(lines.map((line) => line.split(/:\s*/, 2) as [string, string]))
      return { data: Buffer.concat(parts), trailers }
    }
    parts.push(body.subarray(at, at + size))
    at += size + 2
  }
}
