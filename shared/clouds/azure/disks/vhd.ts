/** Bytes of the footer that turns a raw disk into a fixed VHD; it follows the last byte of the disk. */
export const vhdFooterBytes = 512

/**
 * The footer of a fixed VHD ("Virtual Hard Disk Image Format Specification", Microsoft 2006; all numbers big-endian).
 * @param sizeBytes of the disk without footer, a multiple of 512.
 * @param uniqueId 16 bytes; the same for the same disk, so that writing the footer twice changes nothing.
 */
export function vhdFooter({ sizeBytes, uniqueId }: { sizeBytes: number; uniqueId: Buffer }): Buffer {
  const footer = Buffer.alloc(vhdFooterBytes)
  const { cylinders, heads, sectors } = vhdGeometry(sizeBytes)
  footer.write('conectix', 0, 'ascii')
  footer.writeUInt32BE(2, 8) // features: the reserved bit, always set
  footer.writeUInt32BE(0x0001_0000, 12) // format version
  footer.writeBigUInt64BE(0xffff_ffff_ffff_ffffn, 16) // no further structures: fixed
  footer.writeUInt32BE(0, 24) // seconds since 2000; constant, see uniqueId
  footer.write('nova', 28, 'ascii')
  footer.writeUInt32BE(0x0001_0000, 32)
  footer.write('Wi2k', 36, 'ascii') // creator host; readers take the size fields at their word for it
  footer.writeBigUInt64BE(BigInt(sizeBytes), 40)
  footer.writeBigUInt64BE(BigInt(sizeBytes), 48)
  footer.writeUInt16BE(cylinders, 56)
  footer.writeUInt8(heads, 58)
  footer.writeUInt8(sectors, 59)
  footer.writeUInt32BE(2, 60) // disk type: fixed
  uniqueId.copy(footer, 68, 0, 16)
  footer.writeUInt32BE(vhdChecksum(footer), 64)
  return footer
}

/** One's complement of the sum of all bytes, the checksum's own four left out. */
export function vhdChecksum(footer: Buffer): number {
  let sum = 0
  for (const [index, byte] of footer.entries()) if (index < 64 || index >= 68) sum += byte
  return ~sum >>> 0
}

/** Cylinders, heads and sectors per track by the specification's appendix; what exceeds 127 GiB is cut to its largest geometry. */
export function vhdGeometry(sizeBytes: number): { cylinders: number; heads: number; sectors: number } {
  const total = Math.min(Math.floor(sizeBytes / 512), 65_535 * 16 * 255)
  if (total >= 65_535 * 16 * 63) return { cylinders: Math.floor(total / 255 / 16), heads: 16, sectors: 255 }
  let sectors = 17
  let tracks = Math.floor(total / sectors)
  let heads = Math.max(4, Math.floor((tracks + 1023) / 1024))
  if (tracks >= heads * 1024 || heads > 16) {
    sectors = 31
    heads = 16
    tracks = Math.floor(total / sectors)
  }
  if (tracks >= heads * 1024) {
    sectors = 63
    heads = 16
    tracks = Math.floor(total / sectors)
  }
  return { cylinders: Math.floor(tracks / heads), heads, sectors }
}
