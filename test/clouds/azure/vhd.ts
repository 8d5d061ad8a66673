/** The fixed VHD footer as the service reads and writes it; the adapter has its own, and the two must agree. */

export const footerBytes = 512

/** Why these 512 bytes are not the footer of a fixed VHD with a disk of `sizeBytes`; undefined if they are. */
export function faultOfFooter(footer: Buffer, sizeBytes: number): string | undefined {
  const cookie = footer.toString('latin1', 0, 8)
  if (cookie !== 'conectix') {
    return `The specified cookie value in VHD footer indicates that disk is not a supported VHD. Disk is expected to have cookie value 'conectix'.`
  }
  let sum = 0
  for (let index = 0; index < footerBytes; index++)
    sum += index >= 64 && index < 68 ? 0 : (footer[index] ?? 0)
  if (footer.readUInt32BE(64) !== (0xffffffff - sum) % 0x100000000)
    return 'The checksum in the VHD footer is not correct.'
  if (footer.readUInt32BE(60) !== 2 || footer.readBigUInt64BE(16) !== 0xffffffffffffffffn) {
    return 'Only blobs formatted as fixed VHDs can be used: the VHD footer names another disk type.'
  }
  if (Number(footer.readBigUInt64BE(48)) !== sizeBytes) {
    return `The size in the VHD footer, ${footer.readBigUInt64BE(48)}, is not that of the disk, ${sizeBytes}.`
  }
  if (sizeBytes % (1024 * 1024) !== 0)
    return `The specified VHD size of ${sizeBytes} bytes is not a whole number in MBs.`
  return undefined
}

/** What an export shows behind a disk that was never a VHD. */
export function exportFooter(sizeBytes: number): Buffer {
  const footer = Buffer.alloc(footerBytes)
  footer.write('conectix', 'latin1')
  footer[11] = 2
  footer[13] = 1
  footer.fill(0xff, 16, 24)
  footer.write('wa  ', 28, 'latin1')
  footer.write('Wi2k', 36, 'latin1')
  footer.writeBigUInt64BE(BigInt(sizeBytes), 40)
  footer.writeBigUInt64BE(BigInt(sizeBytes), 48)
  footer[63] = 2
  let sum = 0
  for (const byte of footer) sum += byte
  footer.writeUInt32BE(0xffffffff - sum, 64)
  return footer
}
