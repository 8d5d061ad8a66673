import type { DiskSource } from '#shared/disks/port.ts'

/** Where the tiny Linux with an agent has its root. */
const rootOffset = 18 * 2 ** 20

/**
 * Does the root of the tiny Linux say that its journal is to be replayed, as it does while it is mounted and not frozen? Closes the source.
 * The superblock is at 1024, with s_magic at 0x38 and s_feature_incompat at 0x60: https://docs.kernel.org/filesystems/ext4/super.html
 */
export async function needsRecovery(source: DiskSource): Promise<boolean> {
  try {
    const superblock = await source.read({ offset: rootOffset + 1024, length: 1024 })
    if (superblock.readUInt16LE(0x38) !== 0xef53) throw new Error('there is no ext4 where the root is to be')
    return (superblock.readUInt32LE(0x60) & 4) !== 0
  } finally {
    await source.close()
  }
}
