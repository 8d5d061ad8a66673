import { createHash } from 'node:crypto'

/** A UUID that the same words always give (RFC 9562, version 8: SHA-256, cut): so what is made for a token can be found by the token alone. */
export function uuidOf(...words: readonly string[]): string {
  const bytes = createHash('sha256').update(words.join('\0')).digest().subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** The id of what an intent makes: `vol-1f0c…`. A VM's is the bare UUID, because its guest can read it as its SMBIOS UUID. */
export const idFor = (kind: IdKind, token: string, part = ''): string =>
  kind === 'vm' ? uuidOf('vm', token) : `${kind}-${uuidOf(kind, token, part)}`

export type IdKind = 'vm' | 'vol' | 'snap' | 'img' | 'net' | 'subnet' | 'sg' | 'addr' | 'task' | 'bucket'
