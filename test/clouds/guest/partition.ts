/** Where the only partition starts: the usual 1 MiB, which leaves room for boot code. */
export const partitionOffsetBytes = 1024 * 1024

/** An entry of a PC partition table: active, from 1 MiB to the end of the disk, addressed by block number. */
export function partitionEntry(type: number, diskBytes: number): Buffer {
  const entry = Buffer.from('80feffff00feffff0000000000000000', 'hex')
  entry.writeUInt8(type, 4)
  entry.writeUInt32LE(partitionOffsetBytes / 512, 8)
  entry.writeUInt32LE((diskBytes - partitionOffsetBytes) / 512, 12)
  return entry
}
