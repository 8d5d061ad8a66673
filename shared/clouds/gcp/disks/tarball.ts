/** What comes before the disk in the tarball that Compute Engine imports: the header of `disk.raw`, in the GNU format. */
export function tarHeader(sizeBytes: number, now: Date): Buffer {
  const header = Buffer.alloc(512)
  const octal = (value: number, at: number, digits: number) =>
    header.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1')
  header.write('disk.raw', 0, 'latin1')
  octal(0o644, 100, 7)
  octal(0, 108, 7)
  octal(0, 116, 7)
  // Eleven octal digits end at 8 GiB; GNU's way for more is a binary number with the highest bit set.
  if (sizeBytes < 8 ** 11) octal(sizeBytes, 124, 11)
  else {
    header.writeUInt8(0x80, 124)
    header.writeBigUInt64BE(BigInt(sizeBytes), 128)
  }
  octal(Math.floor(now.getTime() / 1000), 136, 11)
  header.write('        ', 148, 'latin1')
  header.write('0', 156, 'latin1')
  header.write('ustar  \0', 257, 'latin1')
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

/** What comes after it: the end of the archive. The disk is of whole GiB, so nothing fills up its last record. */
export const tarTrailer = (): Buffer => Buffer.alloc(1024)
