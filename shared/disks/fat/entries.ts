import { entryBytes } from '#shared/disks/fat/layout.ts'

/** What a folder's entry says of a file, a folder or the volume itself. */
export interface Entry {
  name: string
  attributes: number
  cluster: number
  sizeBytes: number
}

export const attribute = { label: 0x08, folder: 0x10, file: 0x20 } as const

/** A folder's entries as they lie on the disk. A name that is not an upper case 8.3 one gets a long entry before its own. */
export function encodeEntries(entries: Entry[]): Buffer {
  const taken = new Set(entries.map(({ name }) => name).filter(isShort))
  return Buffer.concat(
    entries.map((each) => {
      if (each.attributes === attribute.label) return encode(each.name.padEnd(11), each)
      if (isShort(each.name) || /^\.\.?$/.test(each.name)) return encode(padded(each.name), each)
      const alias = aliasOf(each.name, taken)
      taken.add(alias)
      return Buffer.concat([...longEntries(each.name, padded(alias)), encode(padded(alias), each)])
    }),
  )
}

/** 1 January 2026, 00:00, as FAT writes dates: the same disk from the same input. */
const date = ((2026 - 1980) << 9) | (1 << 5) | 1

const isShort = (name: string): boolean => /^[A-Z0-9_-]{1,8}(?:\.[A-Z0-9_-]{1,3})?$/.test(name)

/** As it stands in an entry: eight characters and three, without the dot. */
function padded(name: string): string {
  const dot = name.startsWith('.') ? -1 : name.indexOf('.')
  const [base, extension] = dot < 0 ? [name, ''] : [name.slice(0, dot), name.slice(dot + 1)]
  return base.padEnd(8) + extension.padEnd(3)
}

/** A short name that no other in the folder has: `user-data` is `USER-D~1`. */
function aliasOf(name: string, taken: ReadonlySet<string>): string {
  const [base = '', ...rest] = name.toUpperCase().split('.')
  const allowed = (text: string, length: number) => text.replaceAll(/[^A-Z0-9_-]/g, '').slice(0, length)
  const extension = rest.length === 0 ? '' : `.${allowed(rest.at(-1) ?? '', 3)}`
  for (let number = 1; ; number++) {
    const tail = `~${number}`
    const alias = `${allowed(base, 8 - tail.length)}${tail}${extension}`
    if (!taken.has(alias)) return alias
  }
}

/** Long names lie in pieces of 13 UTF-16 units before the entry, the last piece first, bound to it by a sum over its short name. */
function longEntries(name: string, alias: string): Buffer[] {
  const units = Buffer.from(name, 'utf16le')
  const count = Math.ceil(units.length / 26)
  const text = Buffer.alloc(count * 26, 0xff)
  units.copy(text)
  if (units.length < text.length) text.writeUInt16LE(0, units.length)
  return Array.from({ length: count }, (_, index) => {
    const number = count - index
    const piece = text.subarray((number - 1) * 26, number * 26)
    const bytes = Buffer.alloc(entryBytes)
    bytes.writeUInt8(number | (index === 0 ? 0x40 : 0), 0)
    piece.copy(bytes, 1, 0, 10)
    bytes.writeUInt8(0x0f, 11)
    bytes.writeUInt8(sumOf(alias), 13)
    piece.copy(bytes, 14, 10, 22)
    piece.copy(bytes, 28, 22, 26)
    return bytes
  })
}

const sumOf = (alias: string): number =>
  Buffer.from(alias, 'latin1').reduce((sum, byte) => (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff, 0)

function encode(name: string, { attributes, cluster, sizeBytes }: Entry): Buffer {
  const bytes = Buffer.alloc(entryBytes)
  bytes.write(name, 'latin1')
  bytes.writeUInt8(attributes, 11)
  bytes.writeUInt16LE(date, 16)
  bytes.writeUInt16LE(date, 18)
  bytes.writeUInt16LE(date, 24)
  bytes.writeUInt16LE(cluster, 26)
  bytes.writeUInt32LE(sizeBytes, 28)
  return bytes
}
