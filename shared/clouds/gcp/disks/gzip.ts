import { promisify } from 'node:util'
import { gzip as compress, gzipSync } from 'node:zlib'

/** One gzip member. Members may follow one another: together they are the gzip of their contents in a row (RFC 1952, 2.2). */
export const gzipMember = (data: Uint8Array): Promise<Buffer> => promisify(compress)(data, { level: 1 })

/**
 * The gzip of so many zeros, from members of 1 MiB each: a GiB of zeros is 1 MiB of them. Made without compressing, of a member that was once.
 * @param zeroBytes at most a few GiB.
 */
export function gzipOfZeros(zeroBytes: number): Buffer {
  whole ??= gzipSync(Buffer.alloc(memberBytes), { level: 9 })
  const members = Array.from<Buffer>({ length: Math.floor(zeroBytes / memberBytes) }).fill(whole)
  const rest = zeroBytes % memberBytes
  return Buffer.concat(rest === 0 ? members : [...members, gzipSync(Buffer.alloc(rest), { level: 9 })])
}

const memberBytes = 2 ** 20
let whole: Buffer | undefined
