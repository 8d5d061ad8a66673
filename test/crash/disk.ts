import { createCipheriv, createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { dataExtents } from '#shared/disks/holes.ts'

/** EBS direct APIs copy in blocks of this size, and so do migrations from or to AWS. */
export const chunkBytes = 512 * 1024

/**
 * Writes a raw disk with a partition table and `chunks` chunks of incompressible data, one every `strideBytes`, with a hole after each. The same
 * `unique` gives the same bytes.
 */
export async function buildDisk(
  path: string,
  { chunks, unique, strideBytes = 2 * chunkBytes }: { chunks: number; unique: string; strideBytes?: number },
) {
  const seed = createHash('sha256').update(unique).digest()
  const random = createCipheriv('aes-128-ctr', seed.subarray(0, 16), seed.subarray(16))
  const file = await open(path, 'w')
  try {
    const sizeBytes = Math.max(64 * 2 ** 20, chunks * strideBytes)
    await file.truncate(sizeBytes)
    for (let chunk = 0; chunk < chunks; chunk += 1) {
      const data = random.update(Buffer.alloc(chunkBytes))
      if (chunk === 0) partitionTable(sizeBytes).copy(data, 0)
      await file.write(data, 0, chunkBytes, chunk * strideBytes)
    }
  } finally {
    await file.close()
  }
}

/**
 * The digest of what a disk file holds: every 4 KiB that is not zero, with its place. Files of different sizes compare equal if they read the
 * same.
 */
export async function contentDigest(path: string): Promise<string> {
  const content = createHash('sha256')
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    for await (const { offset, length } of dataExtents(file, size)) {
      if (offset % granuleBytes !== 0) throw new Error(`data begins at ${offset}, inside of a granule`)
      for (let at = offset; at < offset + length; at += readBytes) {
        const { bytesRead, buffer } = await file.read(
          Buffer.alloc(Math.min(readBytes, offset + length - at)),
          {
            position: at,
          },
        )
        addContent(content, at, buffer.subarray(0, bytesRead))
      }
    }
    return content.digest('hex')
  } finally {
    await file.close()
  }
}

function addContent(content: ReturnType<typeof createHash>, offset: number, data: Buffer): void {
  for (let at = 0; at < data.length; at += granuleBytes) {
    const granule = data.subarray(at, at + granuleBytes)
    if (!granule.equals(zeros.subarray(0, granule.length)))
      content.update(String(offset + at)).update(granule)
  }
}

const granuleBytes = 4096
const readBytes = 2 ** 20
const zeros = Buffer.alloc(granuleBytes)

/** An MBR with one Linux partition from 1 MiB to the end. */
function partitionTable(sizeBytes: number): Buffer {
  const sector = Buffer.alloc(512)
  const entry = Buffer.from('80feffff83feffff0000000000000000', 'hex')
  entry.writeUInt32LE(2048, 8)
  entry.writeUInt32LE(sizeBytes / 512 - 2048, 12)
  entry.copy(sector, 446)
  sector.writeUInt16LE(0xaa55, 510)
  return sector
}
