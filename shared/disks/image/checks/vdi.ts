import type { DiskCheck } from '#shared/disks/image/checks/check.ts'
import { refused, truncated } from '#shared/disks/image/refuse.ts'

/** VDI, dynamic or fixed, without a parent. Layout: VirtualBox's `VDICore.h`, header 1.1. */
export const checkVdi: DiskCheck = async (file) => {
  const header = await file.at(0, 512, 'the header')
  if (header.readUInt32LE(64) !== 0xbeda107f) throw refused('it has no VDI header')
  const [version, type] = [header.readUInt32LE(68), header.readUInt32LE(76)]
  if (version !== 0x10001) throw refused(`it is VDI of version 0x${version.toString(16)}`)
  if (type !== 1 && type !== 2) throw refused('it builds on another file (a parent)')
  // Of the disk that it follows, and of the one that it changes.
  if (header.subarray(424, 456).some((byte) => byte !== 0))
    throw refused('it builds on another file (a parent)')
  const [mapOffset, dataOffset] = [header.readUInt32LE(340), header.readUInt32LE(344)]
  const sizeBytes = Number(header.readBigUInt64LE(368))
  const [blockBytes, blocks] = [header.readUInt32LE(376), header.readUInt32LE(384)]
  if (blockBytes !== 2 ** 20) throw refused(`it has blocks of ${blockBytes} bytes`)
  if (blocks * blockBytes < sizeBytes) throw refused(`its map has ${blocks} entries for ${sizeBytes} bytes`)
  let used = 0
  const map = { offset: mapOffset, count: blocks, entryBytes: 4 as const, what: 'the block map' }
  for await (const { bytes, at } of file.entries(map)) {
    const block = bytes.readUInt32LE(at)
    if (block >= 0xffff_fffe) continue
    used += 1
    if (dataOffset + (block + 1) * blockBytes > file.sizeBytes) throw truncated('a block')
  }
  if (used * blockBytes > file.sizeBytes) throw refused('its map lists more data than the file holds')
  return { sizeBytes }
}
