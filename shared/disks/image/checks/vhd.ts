import type { DiskCheck } from '#shared/disks/image/checks/check.ts'
import type { ImageFile } from '#shared/disks/image/image-file.ts'
import { refused, truncated } from '#shared/disks/image/refuse.ts'

/** VHD, fixed or dynamic; one that builds on a parent is refused. Microsoft, "Virtual Hard Disk Image Format Specification" 1.0. */
export const checkVhd: DiskCheck = async (file) => {
  const footer = await file.at(file.sizeBytes - footerBytes, footerBytes, 'the footer')
  if (footer.toString('latin1', 0, 8) !== 'conectix') throw truncated('the footer')
  checkSum(footer, 64, 'footer')
  const sizeBytes = Number(footer.readBigUInt64BE(48))
  const type = footer.readUInt32BE(60)
  if (sizeBytes % 512 !== 0) throw refused(`its disk of ${sizeBytes} bytes is not a whole number of sectors`)
  if (type === diskType.differencing) throw refused('it builds on another file (a parent)')
  if (type === diskType.fixed) await checkFixed(file, sizeBytes)
  else if (type === diskType.dynamic) await checkDynamic(file, footer, sizeBytes)
  else throw refused(`it is a VHD of type ${type}`)
  return { sizeBytes }
}

const footerBytes = 512
const diskType = { fixed: 2, dynamic: 3, differencing: 4 } as const

async function checkFixed(file: ImageFile, sizeBytes: number): Promise<void> {
  if (file.sizeBytes !== sizeBytes + footerBytes)
    throw refused(`its footer says ${sizeBytes} bytes, but the file holds ${file.sizeBytes - footerBytes}`)
  // Read first by programs that look for a dynamic disk: what a guest wrote there would pass for a header.
  const start = await file.at(0, 8, 'its beginning')
  if (start.toString('latin1') === 'conectix')
    throw refused('it is a fixed VHD whose disk begins like the header of a dynamic one')
}

async function checkDynamic(file: ImageFile, footer: Buffer, sizeBytes: number): Promise<void> {
  const copy = await file.at(0, footerBytes, 'the copy of the footer')
  if (!copy.equals(footer)) throw refused('the footer at its beginning and the one at its end differ')
  const header = await file.at(Number(footer.readBigUInt64BE(16)), 1024, 'the header')
  if (header.toString('latin1', 0, 8) !== 'cxsparse') throw refused('it has no header of a dynamic VHD')
  checkSum(header, 36, 'header')
  const [offset, count, blockBytes] = [
    Number(header.readBigUInt64BE(16)),
    header.readUInt32BE(28),
    header.readUInt32BE(32),
  ]
  if (blockBytes < 4096 || (blockBytes & (blockBytes - 1)) !== 0)
    throw refused(`it has blocks of ${blockBytes} bytes`)
  if (count * blockBytes < sizeBytes) throw refused(`its table has ${count} entries for ${sizeBytes} bytes`)
  const needed = Math.ceil(sizeBytes / blockBytes)
  let blocks = 0
  const table = { offset, count: needed, entryBytes: 4 as const, what: 'the block table' }
  for await (const { bytes, at } of file.entries(table)) {
    const sector = bytes.readUInt32BE(at)
    if (sector === 0xffff_ffff) continue
    blocks += 1
    const last = sector * 512 + Math.ceil(blockBytes / 4096 / 512) * 512 + blockBytes
    if (last > file.sizeBytes) throw truncated('a block')
  }
  if (blocks * blockBytes > file.sizeBytes) throw refused('its table lists more data than the file holds')
}

/** The one's complement of the sum of all bytes but the four of the sum itself. */
function checkSum(bytes: Buffer, at: number, what: string): void {
  const sum = bytes.reduce((all, byte, index) => all + (index >= at && index < at + 4 ? 0 : byte), 0)
  if (bytes.readUInt32BE(at) !== ~sum >>> 0) throw refused(`the checksum of its ${what} is wrong`)
}
