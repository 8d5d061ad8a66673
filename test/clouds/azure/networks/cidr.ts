import { isIPv4, isIPv6 } from 'node:net'
import { Refusal } from '#test/clouds/azure/replies.ts'

/** An IPv4 range: its first address and how many there are. */
export interface Range {
  first: number
  size: number
}

/** Reads an IPv4 range as the network service does: it must begin at a multiple of its size. */
export function rangeOf(prefix: string, of: string): Range {
  const [ip = '', bits = ''] = prefix.split('/')
  const length = Number(bits)
  if (!isIPv4(ip) || !/^\d{1,2}$/.test(bits) || length > 32) {
    throw new Refusal(
      400,
      'InvalidAddressPrefixFormat',
      `Address prefix ${prefix} of resource ${of} is not formatted correctly. It should follow CIDR notation, for example 10.0.0.0/24.`,
    )
  }
  const size = 2 ** (32 - length)
  const first = numberOf(ip)
  if (first % size !== 0) {
    throw new Refusal(
      400,
      'InvalidCIDRNotation',
      `The address prefix ${prefix} in resource ${of} has an invalid CIDR notation. For the given prefix length, the address prefix should be ${addressOf(first - (first % size))}/${length}.`,
    )
  }
  return { first, size }
}

export const within = (inner: Range, outer: Range): boolean =>
  inner.first >= outer.first && inner.first + inner.size <= outer.first + outer.size

export const overlap = (a: Range, b: Range): boolean =>
  a.first < b.first + b.size && b.first < a.first + a.size

export const addressOf = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')

/** The family of a well-formed address or range; undefined for anything else. */
export function familyOf(prefix: string): 4 | 6 | undefined {
  const [ip = '', bits, ...more] = prefix.split('/')
  if (more.length > 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits))) return undefined
  if (isIPv4(ip) && Number(bits ?? 32) <= 32)
    return numberOf(ip) % 2 ** (32 - Number(bits ?? 32)) === 0 ? 4 : undefined
  return isIPv6(ip) && Number(bits ?? 128) <= 128 ? 6 : undefined
}

const numberOf = (ip: string): number =>
  ip
    .split('.')
    .map(Number)
    .reduce((value, part) => value * 256 + part, 0)
