import { DiskError } from '#shared/disks/errors.ts'
import type { DiskSource, Extent } from '#shared/disks/port.ts'

/** Reads bytes of the file that holds the image.*/
export type ReadAt = (offset: number, length: number, signal?: AbortSignal) => Promise<Buffer>

/** What is read of a QCOW2 image. */
export type Qcow2 = Pick<DiskSource, 'sizeBytes' | 'extents' | 'read'> & { readonly clusterBytes: number }

/**
 * Opens a QCOW2 image (version 2 or 3) behind `readAt`: a file, or an object read by ranges. Memory holds the L1 table (8 bytes per 512 MiB of disk,
 * with clusters of 64 KiB) and a few L2 tables. Images that need more than their own plain clusters (a backing file, encryption, compression, an external data
 * file, features that are not known) are refused. https://gitlab.com/qemu-project/qemu/-/blob/master/docs/interop/qcow2.txt
 * @throws DiskError `not_a_qcow2`, `unsupported_qcow2`, `short_read`
 */
export async function openQcow2(readAt: ReadAt, signal?: AbortSignal): Promise<Qcow2> {
  const header = readHeader(await readAt(0, headerBytes, signal))
  const l1 = await readAt(header.l1Offset, header.l1Entries * 8, signal)
  const tables = createTables(readAt, l1, header)

  return {
    sizeBytes: header.sizeBytes,
    clusterBytes: header.clusterBytes,
    extents: (given) => listExtents(header, tables, given),
    async read({ offset, length }, given) {
      if (offset < 0 || length < 0 || offset + length > header.sizeBytes)
        throw new DiskError(`${offset}+${length} is outside of the disk of ${header.sizeBytes} bytes`, {
          code: 'out_of_bounds',
        })
      const target = Buffer.alloc(length)
      for (const run of await hostRuns(header, tables, { offset, length }, given)) {
        const data = await readAt(run.host, run.length, given)
        data.copy(target, run.at)
      }
      return target
    },
  }
}

interface Header {
  sizeBytes: number
  clusterBytes: number
  l1Offset: number
  l1Entries: number
}

/** One L2 table: for each cluster where its bytes are in the file, or 0 if it reads as zero. */
type Table = (index: number, signal: AbortSignal | undefined) => Promise<Float64Array | undefined>

const headerBytes = 104
const offsetMask = 0x00ff_ffff_ffff_fe00n
const tablesKept = 64

function readHeader(bytes: Buffer): Header {
  if (bytes.length < headerBytes || bytes.readUInt32BE(0) !== 0x514649fb)
    throw new DiskError('this is not a QCOW2 image', {
      code: 'not_a_qcow2',
      remedy: 'give the file that was exported as QCOW2',
    })
  const version = bytes.readUInt32BE(4)
  if (version !== 2 && version !== 3) throw unsupported(`version ${version}`)
  if (bytes.readBigUInt64BE(8) !== 0n) throw unsupported('a backing file')
  if (bytes.readUInt32BE(32) !== 0) throw unsupported('encryption')
  const features = version === 3 ? bytes.readBigUInt64BE(72) : 0n
  for (const [bit, name] of knownFeatures) if (features & (1n << bit)) throw unsupported(name)
  // Bit 0, "dirty", speaks of reference counts, which reading needs not.
  if (features & ~1n) throw unsupported(`incompatible features 0x${features.toString(16)}`)
  const clusterBits = bytes.readUInt32BE(20)
  if (clusterBits < 9 || clusterBits > 21) throw unsupported(`clusters of 2^${clusterBits} bytes`)
  const clusterBytes = 2 ** clusterBits
  const sizeBytes = Number(bytes.readBigUInt64BE(24))
  const l1Entries = bytes.readUInt32BE(36)
  const needed = Math.ceil(sizeBytes / (clusterBytes * (clusterBytes / 8)))
  if (!Number.isSafeInteger(sizeBytes) || l1Entries < needed || l1Entries > 2 ** 22)
    throw new DiskError(`the QCOW2 header is broken: ${l1Entries} L1 entries for ${sizeBytes} bytes`, {
      code: 'not_a_qcow2',
    })
  return { sizeBytes, clusterBytes, l1Offset: Number(bytes.readBigUInt64BE(40)), l1Entries: needed }
}

const knownFeatures = [
  [1n, 'an image marked corrupt'],
  [2n, 'an external data file'],
  [3n, 'another compression than deflate'],
  [4n, 'extended L2 entries'],
] as const

/** L2 tables, read when first needed; those used longest ago make room. */
function createTables(readAt: ReadAt, l1: Buffer, { clusterBytes }: Header): Table {
  const kept = new Map<number, Promise<Float64Array>>()
  return async (index, signal) => {
    const at = l1.readBigUInt64BE(index * 8) & offsetMask
    if (at === 0n) return undefined
    const known = kept.get(index) ?? readAt(Number(at), clusterBytes, signal).then(parseTable)
    kept.delete(index)
    kept.set(index, known)
    known.catch(() => kept.delete(index))
    const [oldest] = kept.keys()
    if (kept.size > tablesKept && oldest !== undefined) kept.delete(oldest)
    return known
  }
}

function parseTable(bytes: Buffer): Float64Array {
  const hosts = new Float64Array(bytes.length / 8)
  for (let index = 0; index < hosts.length; index++) {
    const [high, low] = [bytes.readUInt32BE(index * 8), bytes.readUInt32BE(index * 8 + 4)]
    if (high & 0x4000_0000) throw unsupported('compressed clusters')
    // Bit 0 of an entry: all zeros, whatever the cluster may hold.
    hosts[index] = low & 1 ? 0 : (high & 0x00ff_ffff) * 2 ** 32 + (low & 0xffff_fe00 ? (low >>> 9) * 512 : 0)
  }
  return hosts
}

async function* listExtents(
  { sizeBytes, clusterBytes, l1Entries }: Header,
  tables: Table,
  signal: AbortSignal | undefined,
): AsyncGenerator<Extent> {
  const perTable = clusterBytes / 8
  let run: Extent | undefined
  for (let index = 0; index < l1Entries; index++) {
    signal?.throwIfAborted()
    const hosts = await tables(index, signal)
    for (let entry = 0; hosts !== undefined && entry < perTable; entry++) {
      if (hosts[entry] === 0) continue
      const offset = (index * perTable + entry) * clusterBytes
      if (offset >= sizeBytes) break
      const length = Math.min(clusterBytes, sizeBytes - offset)
      if (run && run.offset + run.length === offset) run.length += length
      else {
        if (run) yield run
        run = { offset, length }
      }
    }
  }
  if (run) yield run
}

/** Where the bytes of an extent are in the file: neighbours there are read together, zeros not at all. */
async function hostRuns(
  { clusterBytes }: Header,
  tables: Table,
  { offset, length }: Extent,
  signal: AbortSignal | undefined,
): Promise<{ host: number; at: number; length: number }[]> {
  const perTable = clusterBytes / 8
  const runs: { host: number; at: number; length: number }[] = []
  for (let done = 0; done < length;) {
    const cluster = Math.floor((offset + done) / clusterBytes)
    const inside = (offset + done) % clusterBytes
    const part = Math.min(clusterBytes - inside, length - done)
    const hosts = await tables(Math.floor(cluster / perTable), signal)
    const host = hosts?.[cluster % perTable] ?? 0
    const last = runs.at(-1)
    if (host !== 0) {
      if (last && last.host + last.length === host + inside && last.at + last.length === done)
        last.length += part
      else runs.push({ host: host + inside, at: done, length: part })
    }
    done += part
  }
  return runs
}

const unsupported = (what: string): DiskError =>
  new DiskError(`this QCOW2 image has ${what}, which is not supported`, {
    code: 'unsupported_qcow2',
    remedy: 'convert it with: qemu-img convert -O qcow2 IN OUT',
  })
