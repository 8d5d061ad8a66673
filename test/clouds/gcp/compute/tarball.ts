import { createGunzip, inflateRawSync, crc32 } from 'node:zlib'
import { Readable } from 'node:stream'
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
  let header = Buffer.alloc(0)
  let at: number | undefined
  let sizeBytes = 0
  try {
    for await (const piece of gunzip(bytes)) {
      let rest = piece
      if (at === undefined) {
        const taken = rest.subarray(0, 512 - header.length)
        header = Buffer.concat([header, taken])
        rest = rest.subarray(taken.length)
        if (header.length < 512) continue
        const read = readHeader(header)
        if (typeof read === 'string') return await failed(disks, key, read)
        await disks.create(key, read)
        sizeBytes = read
        at = 0
      }
      const data = rest.subarray(0, sizeBytes - at)
      await writeNonzero(disks, key, at, data)
      at += data.length
    }
  } catch (error) {
    return failed(disks, key, `The tar archive is not a valid gzip file: ${(error as Error).message}`)
  }
  if (at !== undefined && at === sizeBytes) return { sizeGb: sizeBytes / gibibyte }
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

/**
 * Unpacks member by member. A member that has come before, byte for byte, and was all zeros is not unpacked again: a sparse disk is a thousand of
 * the same. From a member on that is larger than the window, the rest is unpacked as a stream.
 */
async function* gunzip(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const source = bytes[Symbol.asyncIterator]()
  let window: Buffer = Buffer.alloc(0)
  let over = false
  let zeros: { member: Buffer; content: Buffer } | undefined
  for (;;) {
    if (!over && window.length < windowBytes / 2) {
      const pieces = [window]
      for (let length = window.length; length < windowBytes;) {
        const next = await source.next()
        over = next.done === true
        if (next.done) break
        pieces.push(next.value)
        length += next.value.length
      }
      window = Buffer.concat(pieces)
    }
    if (window.length === 0) return
    if (zeros && window.subarray(0, zeros.member.length).equals(zeros.member)) {
      yield zeros.content
      window = window.subarray(zeros.member.length)
      continue
    }
    const member = inflateMember(window, over)
    if (!member) break
    if (isZero(member.content))
      zeros = { member: Buffer.from(window.subarray(0, member.length)), content: member.content }
    yield member.content
    window = window.subarray(member.length)
  }
  const rest = async function* () {
    yield window
    for (let next = await source.next(); !next.done; next = await source.next()) yield next.value
  }
  yield* Readable.from(rest()).pipe(createGunzip({ chunkSize: 2 ** 20 })) as AsyncIterable<Buffer>
}

const windowBytes = 32 * 2 ** 20
const mostContentBytes = 128 * 2 ** 20

/** The first member, checked by its own checksum; undefined if it is not whole in there or too large. */
function inflateMember(window: Buffer, isAll: boolean): { content: Buffer; length: number } | undefined {
  // Members with a name or other extras in their header are left to the stream.
  if (window.readUInt16BE(0) !== 0x1f8b || window[2] !== 8 || window[3] !== 0) return undefined
  let unpacked: { buffer: Buffer; engine: { bytesWritten: number } }
  try {
    unpacked = inflateRawSync(window.subarray(10), {
      info: true,
      chunkSize: 2 ** 20,
      maxOutputLength: mostContentBytes,
    }) as unknown as typeof unpacked
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ERR_BUFFER_TOO_LARGE' || (code === 'Z_BUF_ERROR' && !isAll)) return undefined
    throw error
  }
  const end = 10 + unpacked.engine.bytesWritten
  if (end + 8 > window.length) return undefined
  if (window.readUInt32LE(end) !== crc32(unpacked.buffer)) throw new Error('incorrect data check')
  if (window.readUInt32LE(end + 4) !== unpacked.buffer.length % 2 ** 32)
    throw new Error('incorrect length check')
  return { content: unpacked.buffer, length: end + 8 }
}

async function writeNonzero(disks: DiskStore, key: string, offset: number, data: Buffer): Promise<void> {
  if (isZero(data)) return
  const first = partBytes - (offset % partBytes)
  for (
    let at = 0, end = Math.min(first, data.length);
    at < data.length;
    at = end, end = Math.min(end + partBytes, data.length)
  ) {
    const part = data.subarray(at, end)
    if (!isZero(part)) await disks.write(key, offset + at, part)
  }
}

const partBytes = 4096 * 16
const nothing = Buffer.alloc(2 ** 20)

function isZero(data: Buffer): boolean {
  for (let at = 0; at < data.length; at += nothing.length) {
    const part = data.subarray(at, at + nothing.length)
    if (part.compare(nothing, 0, part.length) !== 0) return false
  }
  return true
}

async function failed(disks: DiskStore, key: string, reason: string): Promise<{ reason: string }> {
  await disks.remove(key)
  return { reason }
}
