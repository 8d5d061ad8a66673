import { crc32c } from '#test/clouds/core/crc32c.ts'

/** A dynamic VHDX of blocks of 1 MiB, those of zeros left out, for tests of who reads one. `data` is whole MiB. */
export function vhdxOf(data: Buffer, { logged = false }: { logged?: boolean } = {}): Buffer {
  const count = data.length / mebibyte
  const [metadataAt, tableAt, firstAt] = [2 * mebibyte, 3 * mebibyte, 4 * mebibyte]
  const table = Buffer.alloc(mebibyte)
  const blocks: Buffer[] = []
  for (let index = 0; index < count; index++) {
    const block = data.subarray(index * mebibyte, (index + 1) * mebibyte)
    if (block.equals(zeros)) continue
    const at = BigInt(firstAt / mebibyte + blocks.length)
    table.writeBigUInt64LE((at << 20n) | 6n, index * 8)
    blocks.push(block)
  }
  const file = Buffer.alloc(firstAt)
  file.write('vhdxfile', 'latin1')
  for (const [nr, at] of [2 ** 16, 2 ** 17].entries()) headerOf(nr + 1, logged).copy(file, at)
  for (const at of [3 * 2 ** 16, 2 ** 18]) {
    checked('regi', 2 ** 16, (regions) => {
      regions.writeUInt32LE(2, 8)
      for (const [index, [id, where]] of [
        ['6677c22d23f600429d64115e9bfd4a08', tableAt] as const,
        ['06a27c8b90479a4bb8fe575f050f886e', metadataAt] as const,
      ].entries()) {
        regions.write(id, 16 + index * 32, 'hex')
        regions.writeBigUInt64LE(BigInt(where), 32 + index * 32)
        regions.writeUInt32LE(mebibyte, 40 + index * 32)
        regions.writeUInt32LE(1, 44 + index * 32)
      }
    }).copy(file, at)
  }
  metadataOf(data.length).copy(file, metadataAt)
  table.copy(file, tableAt)
  return Buffer.concat([file, ...blocks])
}

const mebibyte = 2 ** 20
const zeros = Buffer.alloc(mebibyte)

const headerOf = (sequence: number, logged: boolean): Buffer =>
  checked('head', 4096, (header) => {
    header.writeBigUInt64LE(BigInt(sequence), 8)
    header.fill(7, 16, 48)
    if (logged) header.fill(9, 48, 64)
    header.writeUInt16LE(1, 66)
    header.writeUInt32LE(mebibyte, 68)
    header.writeBigUInt64LE(BigInt(mebibyte), 72)
  })

function metadataOf(sizeBytes: number): Buffer {
  const metadata = Buffer.alloc(mebibyte)
  metadata.write('metadata', 'latin1')
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(sizeBytes))
  const word = (value: number, length: number) => {
    const item = Buffer.alloc(length)
    item.writeUInt32LE(value)
    return item
  }
  const items: [id: string, flags: number, value: Buffer][] = [
    ['3767a1ca36fa434db3b633f0aa44e76b', 4, word(mebibyte, 8)],
    ['2442a52f1bcd7648b2115dbed83bf4b8', 6, size],
    ['ab12cabee6b2234593efc309e000c746', 6, Buffer.alloc(16, 5)],
    ['1dbf41816fa90947ba47f233a8faab5f', 6, word(512, 4)],
    ['c748a3cd5d4471449cc9e9885251c556', 6, word(4096, 4)],
  ]
  metadata.writeUInt16LE(items.length, 10)
  for (const [index, [id, flags, value]] of items.entries()) {
    const [at, where] = [32 + index * 32, 65_536 + index * 16]
    metadata.write(id, at, 'hex')
    metadata.writeUInt32LE(where, at + 16)
    metadata.writeUInt32LE(value.length, at + 20)
    metadata.writeUInt32LE(flags, at + 24)
    value.copy(metadata, where)
  }
  return metadata
}

/** A structure that begins with its signature and the CRC-32C of all of it. */
function checked(signature: string, length: number, fill: (structure: Buffer) => void): Buffer {
  const structure = Buffer.alloc(length)
  structure.write(signature, 'latin1')
  fill(structure)
  structure.writeUInt32LE(crc32c(structure), 4)
  return structure
}
