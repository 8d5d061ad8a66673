import { randomBytes } from 'node:crypto'
import { SecretError } from '#shared/secrets/errors.ts'
import { decrypt, encrypt, type Keyring } from '#shared/secrets/keyring.ts'

/** The row that a secret belongs to. It is authenticated: moved to another row, or put back as an older version, it does not open. */
export interface SealScope {
  tenantId: string
  /** E.g. `provider:aws-prod`. */
  id: string
  version: number
}

export interface Sealed {
  /** Which key wraps the data key. */
  keyId: string
  /** Format byte, length of the wrapped data key (2 bytes), the wrapped data key, the box (IV, ciphertext, tag). */
  sealed: Buffer
}

/** Seals a secret in an envelope: AES-256-GCM under a fresh random data key, which the keyring wraps. */
export async function seal(keyring: Keyring, scope: SealScope, plain: Uint8Array): Promise<Sealed> {
  const context = contextOf(scope)
  const dataKey = randomBytes(32)
  const box = encrypt(dataKey, plain, context)
  const { keyId, wrapped } = await keyring.wrap(dataKey, context)
  dataKey.fill(0)
  return { keyId, sealed: pack(wrapped, box) }
}

/** Opens what `seal` made. Throws SecretError when the key is not there, the bytes were altered or the scope is another. */
export async function open(keyring: Keyring, scope: SealScope, { keyId, sealed }: Sealed): Promise<Buffer> {
  const context = contextOf(scope)
  const { wrapped, box } = unpack(sealed)
  const dataKey = await keyring.unwrap(keyId, wrapped, context)
  const plain = decrypt(dataKey, box, context)
  dataKey.fill(0)
  return plain
}

/** Puts the data key under the keyring's current key. The secret itself is neither opened nor sealed again. */
export async function rewrap(keyring: Keyring, scope: SealScope, { keyId, sealed }: Sealed): Promise<Sealed> {
  const context = contextOf(scope)
  const { wrapped, box } = unpack(sealed)
  const dataKey = await keyring.unwrap(keyId, wrapped, context)
  const fresh = await keyring.wrap(dataKey, context)
  dataKey.fill(0)
  return { keyId: fresh.keyId, sealed: pack(fresh.wrapped, box) }
}

const format = 1

/** JSON of a list, so that no two scopes share a text whatever their parts contain. */
const contextOf = ({ tenantId, id, version }: SealScope): Buffer =>
  Buffer.from(JSON.stringify(['novacron', tenantId, id, version]))

function pack(wrapped: Buffer, box: Buffer): Buffer {
  const head = Buffer.from([format, wrapped.length >> 8, wrapped.length & 0xff])
  return Buffer.concat([head, wrapped, box])
}

function unpack(sealed: Buffer): { wrapped: Buffer; box: Buffer } {
  const wrappedBytes = sealed.length < 3 ? 0 : sealed.readUInt16BE(1)
  if (sealed[0] !== format || sealed.length < 3 + wrappedBytes)
    throw new SecretError('A sealed secret has an unknown format.', {
      code: 'secret_unreadable',
      remedy: 'Enter the credentials again.',
    })
  return { wrapped: sealed.subarray(3, 3 + wrappedBytes), box: sealed.subarray(3 + wrappedBytes) }
}
