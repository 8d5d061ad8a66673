import { CloudError } from '#shared/clouds/errors.ts'

/*
 * Buckets have labels and no other place for tags. A label's key and value are at most 63 of a-z, 0-9, - and _
 * (https://cloud.google.com/storage/docs/tags-and-labels); a key begins with a letter. A tag that is not of that form is kept as `x_` and its bytes
 * in base32, so that it comes back as it was; one that is, and all of ours are, is kept as it stands.
 */

/** Tags as labels. @throws CloudError `invalid_request` for a tag that is too long to be kept. */
export const labelsOf = (tags: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(tags).map(([key, value]) => [
      encode(key, /^(?!x_)[a-z][a-z0-9_-]{0,62}$/, key),
      encode(value, /^(?!x_)[a-z0-9_-]{0,63}$/, key),
    ]),
  )

/** Labels as the tags they were made of. */
export const tagsOf = (
  labels: Readonly<Record<string, string | null | undefined>> = {},
): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).map(([key, value]) => [decode(key), decode(value ?? '')]))

function encode(text: string, legal: RegExp, tag: string): string {
  if (legal.test(text)) return text
  const encoded = `x_${toBase32(Buffer.from(text))}`
  if (encoded.length <= 63) return encoded
  throw new CloudError(`The tag "${tag}" is too long for a label of Google Cloud.`, {
    cloud: 'gcp',
    operation: 'labels',
    code: 'invalid_request',
    remedy: 'Use at most 63 of a-z, 0-9, - and _, or at most 38 bytes of other characters.',
    details: { field: `tags.${tag}` },
  })
}

function decode(label: string): string {
  if (!/^x_[a-v0-9]*$/.test(label)) return label
  return Buffer.from(fromBase32(label.slice(2))).toString()
}

const digits = '0123456789abcdefghijklmnopqrstuv'

function toBase32(bytes: Uint8Array): string {
  let [text, rest, bits] = ['', 0, 0]
  for (const byte of bytes) {
    rest = (rest << 8) | byte
    for (bits += 8; bits >= 5; bits -= 5) text += digits[(rest >> (bits - 5)) & 31] ?? ''
    rest &= 31
  }
  return bits > 0 ? text + (digits[(rest << (5 - bits)) & 31] ?? '') : text
}

function fromBase32(text: string): number[] {
  const bytes: number[] = []
  let [rest, bits] = [0, 0]
  for (const digit of text) {
    rest = ((rest << 5) | digits.indexOf(digit)) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((rest >> bits) & 0xff)
  }
  return bytes
}
