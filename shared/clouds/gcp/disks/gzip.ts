import { promisify } from 'node:util'
import { gzip as compress, gzipSync } from 'node:zlib'
import { isZero } from '#shared/disks/zeros.ts'

/** One gzip member. Members may follow one another: together they are the gzip of their contents in a row (RFC 1952, 2.2). */
export const gzipMember = (data: Uint8Array, level = 1): Promise<Buffer> => gzip(data, { level, chunkSize })

/**
 * Gzip members that together hold `data`, each run of zeros and each of anything else as one. Zeros cost nothing; what does not get smaller
 * (encrypted, packed before) is stored as it is, a tenth of the work: 10 ms against 100 ms for 4 MiB (measured).
 */
export async function gzipMembers(data: Buffer): Promise<Buffer[]> {
  const runs = [...runsOf(data)]
  const level = shrinks(runs.flatMap(({ from, to, zeros }) => (zeros ? [] : data.subarray(from, to)))) ? 1 : 0
  return Promise.all(
    runs.map(({ from, to, zeros }) =>
      zeros ? Promise.resolve(gzipOfZeros(to - from)) : gzipMember(data.subarray(from, to), level),
    ),
  )
}

/**
 * The gzip of so many zeros, from members of 1 MiB each: a GiB of zeros is 1 MiB of them. Made without compressing, of members that were once.
 * @param zeroBytes at most a few GiB.
 */
export function gzipOfZeros(zeroBytes: number): Buffer {
  const members = Array.from<Buffer>({ length: Math.floor(zeroBytes / memberBytes) }).fill(
    zeroMember(memberBytes),
  )
  const rest = zeroBytes % memberBytes
  return Buffer.concat(rest === 0 ? members : [...members, zeroMember(rest)])
}

const gzip = promisify(compress)
const memberBytes = 2 ** 20
/** Node's own of 16 KiB takes a turn of the event loop for each of them. */
const chunkSize = 2 ** 20
const runBytes = 64 * 2 ** 10
const sampleBytes = 4 * 2 ** 10
const samples = 8

const zeroMembers = new Map<number, Buffer>()
function zeroMember(length: number): Buffer {
  const made = zeroMembers.get(length) ?? gzipSync(Buffer.alloc(length), { level: 9 })
  // Those of whole runs come again and again, and there are sixteen.
  if (length % runBytes === 0) zeroMembers.set(length, made)
  return made
}

/** Neighbouring pieces of 64 KiB that are all zeros, or are not. */
function* runsOf(data: Buffer): Generator<{ from: number; to: number; zeros: boolean }> {
  let run: { from: number; to: number; zeros: boolean } | undefined
  for (let from = 0; from < data.length; from += runBytes) {
    const to = Math.min(from + runBytes, data.length)
    const zeros = isZero(data.subarray(from, to))
    if (run?.zeros === zeros) run.to = to
    else {
      if (run) yield run
      run = { from, to, zeros }
    }
  }
  if (run) yield run
}

/** Do samples from all over these pieces get smaller? */
function shrinks(pieces: readonly Buffer[]): boolean {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const strideBytes = Math.max(sampleBytes, Math.floor(length / samples))
  const parts: Buffer[] = []
  for (const piece of pieces)
    for (let at = 0; at < piece.length; at += strideBytes) parts.push(piece.subarray(at, at + sampleBytes))
  const sample = Buffer.concat(parts)
  return gzipSync(sample, { level: 1 }).length < 0.95 * sample.length
}
