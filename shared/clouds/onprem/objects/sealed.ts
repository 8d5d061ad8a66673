import {
  createCipheriv,
  createDecipheriv,
  createHash,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import { refusal } from '#shared/clouds/onprem/refusals.ts'

/**
 * How an object lies in its file: a header of 80 bytes, then records of 64 KiB (the last one shorter), each followed by its tag of 16 bytes.
 *
 *   0  magic `NCOB`      4  version 1      5  suite: 0 plain, 1 AES-256-GCM      8  size of the object (uint64)
 *   16 salt (16 bytes)   32 SHA-256 of the object's key (32 bytes)              64 tag of the 64 bytes before
 *
 * With suite 1 each object has a key of its own, derived by HKDF-SHA-256 from the bucket's passphrase and the salt; a record's nonce is its number,
 * its associated data the header. With suite 0 a tag is the first half of a SHA-256 over the same. So a damaged, shortened, exchanged or reordered
 * record is seen when it is read, and any range can be read without the rest.
 */
export const headerBytes = 80
export const recordBytes = 64 * 1024
export const tagBytes = 16

/** Bytes of the file of an object of `sizeBytes`. */
export const storedBytes = (sizeBytes: number): number =>
  headerBytes + sizeBytes + tagBytes * Math.ceil(sizeBytes / recordBytes)

/** Bytes of the object in a file of `fileBytes`. */
export function sizeOfStored(fileBytes: number): number {
  const body = Math.max(0, fileBytes - headerBytes)
  return Math.max(0, body - tagBytes * Math.ceil(body / (recordBytes + tagBytes)))
}

/** Where record `index` begins in the file. */
export const recordOffset = (index: number): number => headerBytes + index * (recordBytes + tagBytes)

export interface Sealer {
  header: Buffer
  /** The record with its tag. */
  seal(index: number, plain: Buffer): Buffer
}

/** @param passphrase undefined writes it plain. */
export function createSealer(object: { key: string; sizeBytes: number; passphrase?: string }): Sealer {
  const start = Buffer.alloc(64)
  start.write('NCOB', 0, 'latin1')
  start.writeUInt8(1, 4)
  start.writeUInt8(object.passphrase === undefined ? 0 : 1, 5)
  start.writeBigUInt64BE(BigInt(object.sizeBytes), 8)
  randomBytes(16).copy(start, 16)
  hashOf(object.key).copy(start, 32)
  const suite = suiteOf(start, object.passphrase)
  const tag = suite.seal(headerIndex, Buffer.alloc(0))
  return { header: Buffer.concat([start, tag]), seal: (index, plain) => suite.seal(index, plain) }
}

export interface Unsealer {
  sizeBytes: number
  /** @throws CloudError `integrity` if it is not what was written. */
  open(index: number, sealed: Buffer): Buffer
}

/**
 * Reads a file's header.
 * @throws CloudError `integrity` unless it is of this object and was written with this passphrase.
 */
export function createUnsealer(
  header: Buffer,
  { key, passphrase }: { key: string; passphrase?: string },
): Unsealer {
  const start = header.subarray(0, 64)
  const isOurs =
    header.length === headerBytes &&
    start.toString('latin1', 0, 4) === 'NCOB' &&
    start.readUInt8(4) === 1 &&
    start.subarray(32).equals(hashOf(key))
  if (!isOurs) throw damaged('its header is not of this object')
  const isSealed = start.readUInt8(5) === 1
  if (isSealed && passphrase === undefined) throw damaged('it is encrypted, and its bucket has no key')
  const suite = suiteOf(start, isSealed ? passphrase : undefined)
  suite.open(headerIndex, header.subarray(64))
  const sizeBytes = Number(start.readBigUInt64BE(8))
  return {
    sizeBytes,
    open(index, sealed) {
      const plain = suite.open(index, sealed)
      if (plain.length === Math.min(recordBytes, sizeBytes - index * recordBytes)) return plain
      throw damaged(`record ${index} has another length`)
    },
  }
}

interface Suite {
  seal(index: number, plain: Buffer): Buffer
  open(index: number, sealed: Buffer): Buffer
}

const suiteOf = (start: Buffer, passphrase: string | undefined): Suite =>
  passphrase === undefined ? plainSuite(start) : gcmSuite(start, passphrase)

function gcmSuite(start: Buffer, passphrase: string): Suite {
  const salt = start.subarray(16, 32)
  const key = Buffer.from(hkdfSync('sha256', Buffer.from(passphrase, 'base64'), salt, 'novacron object', 32))
  return {
    seal(index, plain) {
      const cipher = createCipheriv('aes-256-gcm', key, nonceOf(index)).setAAD(start)
      return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
    },
    open(index, sealed) {
      const end = sealed.length - tagBytes
      if (end < 0) throw damaged(`record ${index} is cut off`)
      const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(index), { authTagLength: tagBytes })
      decipher.setAAD(start).setAuthTag(sealed.subarray(end))
      try {
        return Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()])
      } catch {
        throw damaged(nameOf(index))
      }
    },
  }
}

function plainSuite(start: Buffer): Suite {
  const tagOf = (index: number, data: Buffer) =>
    createHash('sha256').update(start).update(nonceOf(index)).update(data).digest().subarray(0, tagBytes)
  return {
    seal: (index, plain) => Buffer.concat([plain, tagOf(index, plain)]),
    open(index, sealed) {
      const end = sealed.length - tagBytes
      if (end < 0) throw damaged(`record ${index} is cut off`)
      const data = sealed.subarray(0, end)
      if (!timingSafeEqual(tagOf(index, data), sealed.subarray(end))) throw damaged(nameOf(index))
      return data
    },
  }
}

/** A number that no record has. */
const headerIndex = 2 ** 48 - 1

function nonceOf(index: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(index, 6, 6)
  return nonce
}

const nameOf = (index: number) =>
  index === headerIndex ? 'its header was changed or has another key' : `record ${index} was changed`

const hashOf = (key: string): Buffer => createHash('sha256').update(key).digest()

const damaged = (what: string) =>
  refusal('storage.objects.read', `The object is damaged: ${what}.`, {
    code: 'integrity',
    kind: 'retryable',
    remedy: 'Look at the disk that the object store is on, and write the object again from where it came.',
  })
