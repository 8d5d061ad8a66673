import { createCipheriv, createHash, pbkdf2Sync, randomBytes, randomUUID } from 'node:crypto'

/** What a LUKS header and its key slots take: with eight slots for keys of 64 bytes. */
export const luksHeaderBytes = 4040 * 512

/**
 * The beginning of a LUKS (version 1) volume with a new random key for AES-256-XTS, which the passphrase opens. What follows, up to
 * `luksHeaderBytes`, is slots that nothing is in.
 *
 * `qemu-img` makes the same, but with two seconds of key stretching for each, on every opening of every file of a chain, and fails now and then
 * on busy hosts because it measures the CPU for that. Stretching is for words that people remember. `passphrase` must have 256 random bits.
 * https://gitlab.com/cryptsetup/cryptsetup/-/wikis/LUKS-standard/on-disk-format.pdf
 */
export function luksHeader(passphrase: string): Buffer {
  const key = randomBytes(keyBytes)
  const [slotSalt, digestSalt] = [randomBytes(32), randomBytes(32)]
  const slotKey = pbkdf2Sync(passphrase, slotSalt, iterations, keyBytes, 'sha256')
  const head = Buffer.alloc(slotSector * sectorBytes)
  head.write('LUKS\xba\xbe', 0, 'latin1')
  head.writeUInt16BE(1, 6)
  head.write('aes', 8)
  head.write('xts-plain64', 40)
  head.write('sha256', 72)
  head.writeUInt32BE(luksHeaderBytes / sectorBytes, 104)
  head.writeUInt32BE(keyBytes, 108)
  pbkdf2Sync(key, digestSalt, iterations, 20, 'sha256').copy(head, 112)
  digestSalt.copy(head, 132)
  head.writeUInt32BE(iterations, 164)
  head.write(randomUUID(), 168)
  for (let slot = 0; slot < slots; slot++) {
    const at = 208 + slot * 48
    head.writeUInt32BE(slot === 0 ? slotUsed : slotFree, at)
    if (slot === 0) {
      head.writeUInt32BE(iterations, at + 4)
      slotSalt.copy(head, at + 8)
    }
    head.writeUInt32BE(slotSector + slot * sectorsPerSlot, at + 40)
    head.writeUInt32BE(stripes, at + 44)
  }
  return Buffer.concat([head, encryptSectors(slotKey, split(key))])
}

const sectorBytes = 512
const keyBytes = 64
const slots = 8
const slotUsed = 0x00ac71f3
const slotFree = 0x0000dead
const stripes = 4000
/** Slots begin at multiples of 4 KiB. */
const slotSector = 8
const sectorsPerSlot = 504
/** The fewest that QEMU makes. */
const iterations = 1000

/** Spreads a key over many stripes, all of which are needed to have it back, so that one that is overwritten is gone. */
function split(key: Buffer): Buffer {
  const material = randomBytes(key.length * stripes)
  let mixed: Buffer = Buffer.alloc(key.length)
  for (let stripe = 0; stripe < stripes - 1; stripe++)
    mixed = diffuse(xor(mixed, material.subarray(stripe * key.length, (stripe + 1) * key.length)))
  xor(mixed, key).copy(material, (stripes - 1) * key.length)
  return material
}

function diffuse(block: Buffer): Buffer {
  const parts = []
  for (let at = 0; at < block.length; at += 32) {
    const number = Buffer.alloc(4)
    number.writeUInt32BE(at / 32)
    parts.push(
      createHash('sha256')
        .update(number)
        .update(block.subarray(at, at + 32))
        .digest(),
    )
  }
  return Buffer.concat(parts)
}

const xor = (a: Buffer, b: Buffer): Buffer => Buffer.from(a.map((byte, at) => byte ^ (b[at] ?? 0)))

/** AES-256-XTS with the sector's number as its tweak (`plain64`). */
function encryptSectors(key: Buffer, data: Buffer): Buffer {
  const sectors = []
  for (let at = 0; at < data.length; at += sectorBytes) {
    const tweak = Buffer.alloc(16)
    tweak.writeBigUInt64LE(BigInt(at / sectorBytes))
    const cipher = createCipheriv('aes-256-xts', key, tweak)
    sectors.push(cipher.update(data.subarray(at, at + sectorBytes)), cipher.final())
  }
  return Buffer.concat(sectors)
}
