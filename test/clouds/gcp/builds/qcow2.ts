import { open, type FileHandle } from 'node:fs/promises'
import { readFully, scanNonzero, type Granules, granuleBytes } from '#test/clouds/core/sparse.ts'

const clusterBytes = 65_536
const copied = 1n << 63n
/** Neighbours that are copied together. */
const runClusters = 64

/**
 * Writes a raw disk as QCOW2, version 3, without what nobody wrote: header, refcount table and blocks, L1 table, L2 tables, data.
 * https://gitlab.com/qemu-project/qemu/-/blob/master/docs/interop/qcow2.txt
 */
export async function writeQcow2(rawPath: string, outPath: string): Promise<void> {
  const raw = await open(rawPath, 'r')
  const out = await open(outPath, 'w')
  try {
    const { size: sizeBytes } = await raw.stat()
    const granules: Granules = new Set()
    await scanNonzero(raw, sizeBytes, granules)
    await lay(raw, out, sizeBytes, clustersOf(granules))
  } finally {
    await Promise.all([raw.close(), out.close()])
  }
}

/** Guest clusters that hold a byte which is not zero, ascending. */
const clustersOf = (granules: Granules): number[] =>
  [...new Set([...granules].map((index) => Math.floor((index * granuleBytes) / clusterBytes)))].toSorted(
    (a, b) => a - b,
  )

async function lay(raw: FileHandle, out: FileHandle, sizeBytes: number, clusters: number[]): Promise<void> {
  const entriesPerL2 = clusterBytes / 8
  const l2Indexes = [...new Set(clusters.map((cluster) => Math.floor(cluster / entriesPerL2)))]
  const l1Entries = Math.ceil(sizeBytes / clusterBytes / entriesPerL2)
  const l1Clusters = Math.ceil((l1Entries * 8) / clusterBytes)
  const withoutRefcounts = 1 + l1Clusters + l2Indexes.length + clusters.length
  const refcountsPerBlock = clusterBytes / 2
  // The refcount blocks and their table count themselves, too.
  let blocks = 1
  while (blocks * refcountsPerBlock < withoutRefcounts + 1 + blocks) blocks += 1
  const [tableAt, firstBlockAt] = [1, 2]
  const l1At = firstBlockAt + blocks
  const l2At = l1At + l1Clusters
  const dataAt = l2At + l2Indexes.length
  const total = dataAt + clusters.length

  const write = (cluster: number, data: Buffer) => out.write(data, 0, data.length, cluster * clusterBytes)
  await write(0, headerOf(sizeBytes, { l1Entries, l1At, tableAt }))
  await write(
    tableAt,
    table(blocks, (index) => BigInt((firstBlockAt + index) * clusterBytes)),
  )
  for (let block = 0; block < blocks; block++) {
    const counts = Buffer.alloc(clusterBytes)
    for (let index = 0; index < refcountsPerBlock && block * refcountsPerBlock + index < total; index++)
      counts.writeUInt16BE(1, index * 2)
    await write(firstBlockAt + block, counts)
  }
  const l2Of = new Map(
    l2Indexes.map((index, position) => [index, BigInt((l2At + position) * clusterBytes) | copied]),
  )
  await write(
    l1At,
    table(l1Entries, (index) => l2Of.get(index) ?? 0n),
  )
  const hostOf = new Map(
    clusters.map((cluster, position) => [cluster, BigInt((dataAt + position) * clusterBytes) | copied]),
  )
  for (const [position, index] of l2Indexes.entries())
    await write(
      l2At + position,
      table(entriesPerL2, (entry) => hostOf.get(index * entriesPerL2 + entry) ?? 0n),
    )
  const buffer = Buffer.allocUnsafe(runClusters * clusterBytes)
  for (let position = 0; position < clusters.length;) {
    const first = clusters[position] ?? 0
    let count = 1
    while (count < runClusters && clusters[position + count] === first + count) count += 1
    const data = buffer.subarray(0, count * clusterBytes)
    const length = Math.min(data.length, sizeBytes - first * clusterBytes)
    await readFully(raw, data.subarray(0, length), first * clusterBytes)
    await write(dataAt + position, data.fill(0, length))
    position += count
  }
  await out.truncate(total * clusterBytes)
}

function headerOf(sizeBytes: number, at: { l1Entries: number; l1At: number; tableAt: number }): Buffer {
  const header = Buffer.alloc(clusterBytes)
  header.write('QFI\xfb', 'latin1')
  header.writeUInt32BE(3, 4)
  header.writeUInt32BE(16, 20)
  header.writeBigUInt64BE(BigInt(sizeBytes), 24)
  header.writeUInt32BE(at.l1Entries, 36)
  header.writeBigUInt64BE(BigInt(at.l1At * clusterBytes), 40)
  header.writeBigUInt64BE(BigInt(at.tableAt * clusterBytes), 48)
  header.writeUInt32BE(1, 56)
  // Refcounts of 16 bits; a header of 104 bytes, then the end of its extensions (zeros).
  header.writeUInt32BE(4, 96)
  header.writeUInt32BE(104, 100)
  return header
}

function table(entries: number, entryOf: (index: number) => bigint): Buffer {
  const bytes = Buffer.alloc(Math.ceil((entries * 8) / clusterBytes) * clusterBytes)
  for (let index = 0; index < entries; index++) bytes.writeBigUInt64BE(entryOf(index), index * 8)
  return bytes
}
