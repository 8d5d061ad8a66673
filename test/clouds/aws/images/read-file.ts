import { open, type FileHandle } from 'node:fs/promises'
import { inflateSync } from 'node:zlib'
import { BrokenFile, bytes, range, type FileDisk } from '#test/clouds/aws/images/file-bytes.ts'
import { readVhdx } from '#test/clouds/aws/images/read-vhdx.ts'

/** Reads a disk from a file. @throws BrokenFile if it is not one of this format. */
export async function readFile(file: FileHandle, format: string): Promise<FileDisk> {
  const { size } = await file.stat()
  const read = readers[format.toLowerCase()]
  if (!read) throw new BrokenFile(`Unsupported disk format ${format}`)
  return read(file, size, 0)
}

/** Opens a file for as long as `work` takes. */
export async function withFile<T>(path: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, 'r')
  try {
    return await work(file)
  } finally {
    await file.close()
  }
}

type Reader = (file: FileHandle, sizeBytes: number, at: number) => Promise<FileDisk>

const readers: Readonly<Record<string, Reader>> = {
  raw: async (file, size, at) => {
    if (size === 0 || size % 512 !== 0) throw new BrokenFile('Disk validation failed [Invalid RAW disk size]')
    return { sizeBytes: size, chunks: () => range(file, at, size) }
  },
  vhd: readVhd,
  vhdx: readVhdx,
  vmdk: readVmdk,
  ova: readOva,
}

/** Fixed and dynamic: "Virtual Hard Disk Image Format Specification". */
async function readVhd(file: FileHandle, size: number, at: number): Promise<FileDisk> {
  const footer = size < 1024 ? Buffer.alloc(512) : await bytes(file, at + size - 512, 512)
  if (footer.toString('latin1', 0, 8) !== 'conectix')
    throw new BrokenFile('Disk validation failed [Unsupported VHD: the footer has no cookie]')
  let sum = 0
  for (let index = 0; index < 512; index++) sum += index >= 64 && index < 68 ? 0 : (footer[index] ?? 0)
  if (footer.readUInt32BE(64) !== (0xffffffff - sum) % 0x100000000)
    throw new BrokenFile('Disk validation failed [Corrupt VHD: the checksum of the footer is wrong]')
  const sizeBytes = Number(footer.readBigUInt64BE(48))
  const type = footer.readUInt32BE(60)
  if (type === 2) {
    if (sizeBytes !== size - 512)
      throw new BrokenFile('Disk validation failed [Corrupt VHD: it has not its size]')
    return { sizeBytes, chunks: () => range(file, at, sizeBytes) }
  }
  if (type !== 3) throw new BrokenFile('Disk validation failed [Unsupported VHD disk type]')
  const header = await bytes(file, at + Number(footer.readBigUInt64BE(16)), 1024)
  if (header.toString('latin1', 0, 8) !== 'cxsparse')
    throw new BrokenFile('Disk validation failed [Corrupt VHD: the header has no cookie]')
  const [entries, blockBytes] = [header.readUInt32BE(28), header.readUInt32BE(32)]
  const table = await bytes(file, at + Number(header.readBigUInt64BE(16)), entries * 4)
  const bitmapBytes = Math.ceil(blockBytes / 512 / 8 / 512) * 512
  return {
    sizeBytes,
    async *chunks() {
      for (let index = 0; index < entries; index++) {
        const sector = table.readUInt32BE(index * 4)
        const offset = index * blockBytes
        if (sector === 0xffffffff || offset >= sizeBytes) continue
        const length = Math.min(blockBytes, sizeBytes - offset)
        yield { offset, data: await bytes(file, at + sector * 512 + bitmapBytes, length) }
      }
    },
  }
}

/** Stream optimised, one extent, as OVF tools write it: "Virtual Disk Format 5.0". */
async function readVmdk(file: FileHandle, size: number, at: number): Promise<FileDisk> {
  const header = size < 1024 ? Buffer.alloc(512) : await bytes(file, at, 512)
  if (header.toString('latin1', 0, 4) !== 'KDMV')
    throw new BrokenFile('Disk validation failed [Unsupported VMDK File Format]')
  if ((header.readUInt32LE(8) & 0x1_0000) === 0)
    throw new BrokenFile('Disk validation failed [Unsupported VMDK: only stream optimized ones are taken]')
  const sizeBytes = Number(header.readBigUInt64LE(12)) * 512
  return {
    sizeBytes,
    async *chunks() {
      for (let position = Number(header.readBigUInt64LE(64)) * 512; position + 512 <= size;) {
        const marker = await bytes(file, at + position, 512)
        const [sector, length] = [Number(marker.readBigUInt64LE(0)), marker.readUInt32LE(8)]
        if (length === 0) {
          // A marker for metadata: its kind and how many sectors of it follow.
          if (marker.readUInt32LE(12) === 0) return
          position += 512 + sector * 512
          continue
        }
        const data = inflateSync(await bytes(file, at + position + 12, length))
        yield { offset: sector * 512, data }
        position += Math.ceil((12 + length) / 512) * 512
      }
    },
  }
}

/** A tar with one stream optimised VMDK in it. */
async function readOva(file: FileHandle, size: number, at: number): Promise<FileDisk> {
  for (let position = at; position + 512 <= at + size;) {
    const header = await bytes(file, position, 512)
    const name = header.toString('latin1', 0, 100).replace(/\0.*$/, '')
    const length = Number.parseInt(header.toString('latin1', 124, 136), 8)
    if (name === '' || !(length >= 0)) break
    if (name.endsWith('.vmdk')) return readVmdk(file, length, position + 512)
    position += 512 + Math.ceil(length / 512) * 512
  }
  throw new BrokenFile('Disk validation failed [The OVA holds no VMDK]')
}
