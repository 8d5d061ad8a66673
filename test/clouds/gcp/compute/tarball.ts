import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { DiskStore } from '#test/clouds/core/disks.ts'

const gibibyte = 2 ** 30

/**
 * Reads a gzipped tarball in the GNU format that holds `disk.raw`, and stores the disk's bytes. What the service demands of it:
 * https://cloud.google.com/compute/docs/import/import-existing-image#requirements_for_the_image_file
 */
export async function readTarball(
  bytes: AsyncIterable<Buffer>,
  disks: DiskStore,
  key: string,
): Promise<{ sizeGb: number } | { reason: string }> {
  const plain = Readable.from(bytes).pipe(createGunzip())
  let state: { header: Buffer } | { at: number; sizeBytes: number } | 'over' = { header: Buffer.alloc(0) }
  try {
    for await (const piece of plain as AsyncIterable<Buffer>) {
      let rest = piece
      while (rest.length > 0 && state !== 'over') {
        if ('header' in state) {
          const taken: Buffer = rest.subarray(0, 512 - state.header.length)
          rest = rest.subarray(taken.length)
          const header: Buffer = Buffer.concat([state.header, taken])
          if (header.length < 512) {
            state = { header }
            continue
          }
          const sizeBytes = readHeader(header)
          if (typeof sizeBytes === 'string') return await failed(disks, key, sizeBytes)
          await disks.create(key, sizeBytes)
          state = { at: 0, sizeBytes }
        } else {
          const taken: Buffer = rest.subarray(0, state.sizeBytes - state.at)
          rest = rest.subarray(taken.length)
          await writeNonzero(disks, key, state.at, taken)
          state =
            state.at + taken.length === state.sizeBytes
              ? 'over'
              : { at: state.at + taken.length, sizeBytes: state.sizeBytes }
        }
      }
    }
  } catch (error) {
    return failed(disks, key, `The tar archive is not a valid gzip file: ${(error as Error).message}`)
  }
  if (state === 'over') return { sizeGb: disks.size(key) / gibibyte }
  return failed(disks, key, 'The tar archive ends before disk.raw does.')
}

/** The size of the disk, or what is wrong. */
function readHeader(header: Buffer): number | string {
  const text = (from: number, to: number) => header.toString('latin1', from, to).replace(/\0.*$/s, '').trim()
  if (text(257, 263) !== 'ustar' || text(263, 265) !== '')
    return 'The tar archive is not in the old GNU format.'
  const sum = header.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte), 0)
  if (Number.parseInt(text(148, 156), 8) !== sum) return 'The tar archive has a header with a wrong checksum.'
  if (text(0, 100) !== 'disk.raw')
    return 'The tar archive is not a valid image: it must hold exactly one file, disk.raw.'
  const sizeBytes =
    (header[124] ?? 0) & 0x80 ? Number(header.readBigUInt64BE(128)) : Number.parseInt(text(124, 136), 8)
  if (sizeBytes === 0 || sizeBytes % gibibyte !== 0)
    return `The size of disk.raw is ${sizeBytes} bytes; it must be a multiple of 1 GB (1073741824 bytes).`
  return sizeBytes
}

async function writeNonzero(disks: DiskStore, key: string, offset: number, data: Buffer): Promise<void> {
  const step = 4096 - (offset % 4096)
  for (
    let at = 0, end = Math.min(step, data.length);
    at < data.length;
    at = end, end = Math.min(end + 65_536, data.length)
  ) {
    const part = data.subarray(at, end)
    if (part.some((byte) => byte !== 0)) await disks.write(key, offset + at, part)
  }
}

async function failed(disks: DiskStore, key: string, reason: string): Promise<{ reason: string }> {
  await disks.remove(key)
  return { reason }
}
