import { createCipheriv, createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { bootSector } from './boot-sector.ts'
import { fatVolume, type FatFile } from '#shared/disks/fat/volume.ts'
import { partitionEntry, partitionOffsetBytes } from './partition.ts'

const mib = 1024 * 1024
const fat16ByBlockNumber = 0x0e

/**
 * Builds the guest's disk: a raw, sparse image that boots (see boot.s), with one FAT16 partition of real files, 24 MiB of
 * them incompressible, and holes between. Needs no rights and no tools; about 0.1 s for 320 MiB. The same `unique` and size give the same bytes.
 */
export async function buildGuestDisk({
  path,
  sizeBytes = 320 * mib,
  unique,
}: {
  path: string
  /** 48 MiB to 2 GiB, whole MiB. */
  sizeBytes?: number
  /** What the guest calls itself: 1 to 64 printable characters without spaces. */
  unique: string
}): Promise<{ path: string; sizeBytes: number; unique: string; files: FatFile[] }> {
  if (!/^[!-~]{1,64}$/.test(unique)) {
    throw new TypeError(
      `unique must be 1 to 64 printable ASCII characters without spaces, not ${JSON.stringify(unique)}`,
    )
  }
  if (sizeBytes % mib !== 0 || sizeBytes < 48 * mib || sizeBytes > 2048 * mib) {
    throw new TypeError(`sizeBytes must be a whole number of MiB from 48 MiB to 2 GiB, not ${sizeBytes}`)
  }
  const digest = createHash('sha256').update(unique).digest()
  const files = filesOf(unique, digest)
  const file = await open(path, 'w')
  try {
    await file.truncate(sizeBytes)
    const volume = fatVolume({
      offsetBytes: partitionOffsetBytes,
      sizeBytes: sizeBytes - partitionOffsetBytes,
      label: 'NOVACRON',
      serial: digest.readUInt32LE(0),
      files,
      spread: true,
    })
    for (const { offset, data } of volume)
      await file.write(data, 0, data.length, partitionOffsetBytes + offset)
    await file.write(firstSectors({ unique, sizeBytes, signature: digest.readUInt32LE(4) }), 0, 2048, 0)
    await file.sync()
  } finally {
    await file.close()
  }
  return { path, sizeBytes, unique, files }
}

/** LBA 0 to 3 as boot.s expects them. */
function firstSectors({
  unique,
  sizeBytes,
  signature,
}: {
  unique: string
  sizeBytes: number
  signature: number
}): Buffer {
  const sectors = Buffer.alloc(4 * 512)
  bootSector.copy(sectors)
  sectors.writeUInt32LE(signature, 440)
  partitionEntry(fat16ByBlockNumber, sizeBytes).copy(sectors, 446)
  sectors.write(unique, 2 * 512, 'latin1')
  sectors.write('0001', 3 * 512, 'latin1')
  return sectors
}

/** What is on the disk: a few files to read, and data that no compression or deduplication makes smaller. */
function filesOf(unique: string, digest: Buffer): FatFile[] {
  const readable = [
    text('README.TXT', `This is the disk ${unique}.`, 'MANIFEST.TXT has the SHA-256 of each file in DATA.'),
    text('ETC/HOSTNAME', unique),
    text('ETC/FSTAB', 'LABEL=NOVACRON / vfat ro 0 0'),
    text('VAR/LOG/BUILD.LOG', `built for ${unique}`),
  ]
  const random = createCipheriv('aes-128-ctr', digest.subarray(0, 16), digest.subarray(16, 32))
  const data = Array.from({ length: 12 }, (_, index) => ({
    path: `DATA/PART${String(index).padStart(2, '0')}.BIN`,
    data: random.update(Buffer.alloc(2 * mib)),
  }))
  const sums = data.map(
    ({ path, data: bytes }) => `${createHash('sha256').update(bytes).digest('hex')}  ${path}`,
  )
  return [...readable, ...data, text('MANIFEST.TXT', ...sums)]
}

function text(path: string, ...lines: string[]): FatFile {
  return { path, data: Buffer.from(`${lines.join('\n')}\n`) }
}
