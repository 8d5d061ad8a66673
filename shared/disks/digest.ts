import { createHash } from 'node:crypto'
import type { Grid } from '#shared/disks/grid.ts'
import type { CopyManifest } from '#shared/disks/port.ts'

/**
 * What a disk holds, whatever is allocated where: `sha256:<hex>` over disk size and chunk size, then offset and SHA-256 of
 * every chunk that is not all zeros, ascending. Numbers are u64, big-endian.
 */
export const contentDigest = async (manifest: CopyManifest): Promise<string> => {
  const digest = startDigest(manifest)
  for await (const { offset, sha256 } of manifest.chunks()) digest.add(offset, sha256)
  return digest.end()
}

/** The same, fed chunk by chunk in ascending order. */
export const startDigest = (grid: Grid) => {
  const hash = createHash('sha256')
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64BE(BigInt(value))
    return bytes
  }
  hash.update(number(grid.sizeBytes)).update(number(grid.chunkBytes))
  return {
    add: (offset: number, sha256: Buffer): void => {
      hash.update(number(offset)).update(sha256)
    },
    end: (): string => `sha256:${hash.digest('hex')}`,
  }
}
