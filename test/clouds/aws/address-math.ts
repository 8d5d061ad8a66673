/** IPv4 ranges, as the loopback's rules about them need: `10.1.0.0/16` is its first and last address and its prefix. */
export interface Range4 {
  first: number
  last: number
  prefix: number
  text: string
}

/** Undefined for what is no range. Host bits are dropped, as EC2 does. */
export function range4(cidr: string): Range4 | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(cidr)
  if (!match) return undefined
  const [a = 0, b = 0, c = 0, d = 0, prefix = 0] = match.slice(1).map(Number)
  if ([a, b, c, d].some((part) => part > 255) || prefix > 32) return undefined
  const size = 2 ** (32 - prefix)
  const value = ((a * 256 + b) * 256 + c) * 256 + d
  const first = value - (value % size)
  return { first, last: first + size - 1, prefix, text: `${address4(first)}/${prefix}` }
}

export const address4 = (value: number): string =>
  [2 ** 24, 2 ** 16, 2 ** 8, 1].map((unit) => Math.floor(value / unit) % 256).join('.')

export const overlap = (a: Range4, b: Range4): boolean => a.first <= b.last && b.first <= a.last
export const contains = (outer: Range4, inner: Range4): boolean =>
  outer.first <= inner.first && inner.last <= outer.last
