import { generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'

/** Tells such a key from one that a user gave. */
export const unusableKeyComment = 'novacron'

/** A public key whose private half nobody has, for where Azure insists on one. */
export function unusableKey(): Promise<string> {
  unusable ??= promisify(generateKeyPair)('rsa', { modulusLength: 2048 }).then((pair) =>
    openSsh(pair.publicKey),
  )
  return unusable
}

/** One per process will do: making one takes 0.1 s, and there is nobody who could use any of them. */
let unusable: Promise<string> | undefined

/** RFC 4253, 6.6: length-prefixed name, exponent and modulus. */
function openSsh(key: KeyObject): string {
  const { e = '', n = '' } = key.export({ format: 'jwk' })
  const positive = (value: string) => Buffer.concat([Buffer.alloc(1), Buffer.from(value, 'base64url')])
  const parts = [Buffer.from('ssh-rsa'), Buffer.from(e, 'base64url'), positive(n)].flatMap((part) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(part.length)
    return [length, part]
  })
  return `ssh-rsa ${Buffer.concat(parts).toString('base64')} ${unusableKeyComment}`
}
