import { isIPv4, isIPv6 } from 'node:net'
import { CloudError } from '#shared/clouds/errors.ts'

/**
 * The range as EC2 keeps it: host bits zero, IPv6 in its short form. So `10.1.2.3/16` is the same rule as `10.1.0.0/16`.
 * @throws CloudError `invalid_request` for what is no range.
 */
export function canonicalCidr(cidr: string): string {
  const [address = '', bits = ''] = cidr.split('/')
  const prefix = /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN
  if (isIPv4(address) && prefix <= 32) return `${maskV4(address, prefix)}/${prefix}`
  if (isIPv6(address) && prefix <= 128) return `${maskV6(address, prefix)}/${prefix}`
  throw new CloudError(`"${cidr}" is not a range of addresses.`, {
    cloud: 'aws',
    operation: 'AuthorizeSecurityGroupIngress',
    code: 'invalid_request',
    remedy: 'Give ranges such as 10.20.0.0/16, 203.0.113.7/32 or 2001:db8::/32.',
    details: { field: 'cidrs', cidr },
  })
}

function maskV4(address: string, prefix: number): string {
  const value = address.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n)
  const kept = keepBits(value, prefix, 32n)
  return [24n, 16n, 8n, 0n].map((shift) => String((kept >> shift) & 255n)).join('.')
}

function maskV6(address: string, prefix: number): string {
  const kept = keepBits(valueOfV6(address), prefix, 128n)
  const groups = Array.from({ length: 8 }, (_, i) => ((kept >> BigInt(112 - 16 * i)) & 0xffffn).toString(16))
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

const keepBits = (value: bigint, prefix: number, width: bigint): bigint => {
  const free = width - BigInt(prefix)
  return (value >> free) << free
}

function valueOfV6(address: string): bigint {
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail] = short.split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const [before, after] = [groups(head), groups(tail ?? '')]
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - before.length - after.length }, () => '0')
  return [...before, ...zeros, ...after].reduce((sum, group) => (sum << 16n) + BigInt(`0x${group}`), 0n)
}
