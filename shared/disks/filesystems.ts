import type { SectorReader } from '#shared/disks/partitions.ts'

export type FilesystemKind =
  | 'ext2'
  | 'ext3'
  | 'ext4'
  | 'xfs'
  | 'btrfs'
  | 'ntfs'
  | 'fat'
  | 'lvm2'
  | 'luks'
  | 'swap'

/** Guesses what a partition of `size` bytes at `start` holds, by the magic numbers in its first 65 KiB. */
export const guessFilesystem = async (
  read: SectorReader,
  start: number,
  size: number,
): Promise<FilesystemKind | undefined> => {
  const head = await read(start, Math.min(size, HEAD_BYTES))
  if (head === undefined) return undefined
  return SIGNATURES.find(({ matches }) => matches(head))?.kind ?? extKind(head)
}

/** Up to the last byte of btrfs' magic number. */
const HEAD_BYTES = 65_536 + 512

const SIGNATURES: { kind: FilesystemKind; matches: (head: Buffer) => boolean }[] = [
  { kind: 'luks', matches: (head) => has(head, 0, 'LUKS\xba\xbe') },
  {
    kind: 'lvm2',
    matches: (head) =>
      [0, 512, 1024, 1536].some((at) => has(head, at, 'LABELONE') && has(head, at + 24, 'LVM2 001')),
  },
  { kind: 'xfs', matches: (head) => has(head, 0, 'XFSB') },
  { kind: 'btrfs', matches: (head) => has(head, 65_600, '_BHRfS_M') },
  { kind: 'ntfs', matches: (head) => has(head, 3, 'NTFS    ') },
  {
    kind: 'fat',
    matches: (head) => has(head, 510, '\x55\xaa') && (has(head, 54, 'FAT1') || has(head, 82, 'FAT32   ')),
  },
  // At the end of the first memory page, whose size is the machine's.
  {
    kind: 'swap',
    matches: (head) => [4096, 8192, 16_384, 65_536].some((page) => has(head, page - 10, 'SWAPSPACE2')),
  },
]

const has = (head: Buffer, at: number, magic: string): boolean =>
  head.toString('latin1', at, at + magic.length) === magic

/** The superblock of the ext family begins at 1024; its feature bits tell which member. */
const extKind = (head: Buffer): FilesystemKind | undefined => {
  if (head.length < 2048 || head.readUInt16LE(1024 + 56) !== 0xef53) return undefined
  const [compatible, incompatible, readOnly] = [92, 96, 100].map((at) => head.readUInt32LE(1024 + at))
  const ext4Incompatible = 0x40 | 0x80 | 0x200 | 0x8000 // extents, 64-bit, flexible block groups, inline data
  const ext4ReadOnly = 0x8 | 0x10 | 0x20 | 0x40 | 0x400 // huge files, group checksums, many links, large inodes, metadata checksums
  if (((incompatible ?? 0) & ext4Incompatible) !== 0 || ((readOnly ?? 0) & ext4ReadOnly) !== 0) return 'ext4'
  return ((compatible ?? 0) & 0x4) !== 0 ? 'ext3' : 'ext2'
}
