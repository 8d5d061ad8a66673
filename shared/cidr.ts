import { isIP } from 'node:net'

/** A range of addresses: its first address as a number, and how many leading bits are fixed. */
export interface Cidr {
  family: 4 | 6
  first: bigint
  prefix: number
}

/** Why a text is no CIDR range, and what it should be. */
export interface CidrFault {
  reason: string
  remedy: string
}

/** Reads a range such as `10.20.0.0/16` or `2001:db8::/32`. An address with bits set behind the prefix is refused, with the range that was meant. */
export function parseCidr(text: string): Cidr | CidrFault {
  const [address = '', bits, ...rest] = text.split('/')
  const family = isIP(address)
  if ((family !== 4 && family !== 6) || address.includes('%') || rest.length > 0 || bits === undefined)
    return { reason: 'is not a range of IP addresses', remedy: 'Write it as 10.20.0.0/16 or 2001:db8::/32.' }
  const width = widths[family]
  if (!/^(0|[1-9]\d{0,2})$/.test(bits) || Number(bits) > width)
    return { reason: `has the prefix length /${bits.slice(0, 10)}`, remedy: `Use /0 to /${width}.` }
  const prefix = Number(bits)
  const given = numberOf(address, family)
  const hostBits = BigInt(width - prefix)
  const first = (given >> hostBits) << hostBits
  if (first !== given)
    return {
      reason: `has bits set behind /${prefix}`,
      remedy: `Did you mean ${formatCidr({ family, first, prefix })}?`,
    }
  return { family, first, prefix }
}

export const isFault = (one: Cidr | CidrFault): one is CidrFault => 'reason' in one

/** Is all of `inner` within `outer`? */
export const contains = (outer: Cidr, inner: Cidr): boolean =>
  outer.family === inner.family &&
  outer.prefix <= inner.prefix &&
  inner.first >> shiftOf(outer) === outer.first >> shiftOf(outer)

/** Two ranges overlap exactly if one contains the other. */
export const overlaps = (one: Cidr, other: Cidr): boolean => contains(one, other) || contains(other, one)

export const formatCidr = (cidr: Cidr): string => `${addressAt(cidr, 0n)}/${cidr.prefix}`

/** How many addresses are in a range, its first and last included. */
export const sizeOf = (cidr: Cidr): bigint => 1n << shiftOf(cidr)

/** The address that is `offset` behind the range's first, as text. */
export function addressAt({ family, first }: Cidr, offset: bigint): string {
  const value = first + offset
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.')
  const groups = Array.from({ length: 8 }, (_, nr) =>
    ((value >> BigInt(112 - 16 * nr)) & 0xffffn).toString(16),
  )
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

const widths = { 4: 32, 6: 128 } as const

const shiftOf = ({ family, prefix }: Cidr): bigint => BigInt(widths[family] - prefix)

/** Of a text that is an address for sure. */
function numberOf(address: string, family: 4 | 6): bigint {
  if (family === 4) return address.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n)
  // The URL parser writes an embedded IPv4 address as groups, too.
  const plain = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail] = plain.split('::')
  const groupsOf = (part: string) => (part === '' ? [] : part.split(':'))
  const [before, after] = [groupsOf(head), groupsOf(tail ?? '')]
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after]
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n)
}
