import { expect, test } from 'vitest'
import fc from 'fast-check'
import { BlockList } from 'node:net'
import {
  addressAt,
  contains,
  formatCidr,
  isFault,
  overlaps,
  parseCidr,
  sizeOf,
  type Cidr,
} from '#shared/cidr.ts'

const read = (text: string): Cidr => {
  const cidr = parseCidr(text)
  if (isFault(cidr)) throw new Error(`${text} ${cidr.reason}`)
  return cidr
}

test.each([
  '0.0.0.0/0',
  '10.20.0.0/16',
  '192.168.1.128/25',
  '203.0.113.7/32',
  '::/0',
  '2001:db8::/32',
  'fd00:1:2:3::/64',
])('%s is a range, and is written as it was read', (text) => {
  expect(formatCidr(read(text))).toBe(text)
})

test.each([
  ['10.0.0.0', 'is not a range'],
  ['10.0.0/8', 'is not a range'],
  ['10.0.0.0/8/9', 'is not a range'],
  ['010.0.0.0/8', 'is not a range'],
  ['fe80::%eth0/64', 'is not a range'],
  ['10.0.0.0/33', 'prefix length'],
  ['10.0.0.0/08', 'prefix length'],
  ['::/129', 'prefix length'],
  ['10.20.0.1/16', 'bits set behind /16'],
])('%s is refused with the reason', (text, reason) => {
  expect(parseCidr(text)).toMatchObject({ reason: expect.stringContaining(reason) as unknown })
})

test('a range with bits behind its prefix is answered with the one that was meant', () => {
  expect(parseCidr('10.20.7.9/16')).toMatchObject({ remedy: 'Did you mean 10.20.0.0/16?' })
  expect(parseCidr('2001:db8::1/32')).toMatchObject({ remedy: 'Did you mean 2001:db8::/32?' })
})

test('one range contains another exactly if Node’s own block list says so of its ends', () => {
  const range = fc
    .tuple(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 1, max: 32 }))
    .map(([bits, prefix]): Cidr => {
      const shift = BigInt(32 - prefix)
      return { family: 4, first: (BigInt(bits) >> shift) << shift, prefix }
    })
  fc.assert(
    fc.property(range, range, (outer, inner) => {
      const list = new BlockList()
      const [address = '', prefix] = formatCidr(outer).split('/')
      list.addSubnet(address, Number(prefix))
      const last = { ...inner, first: inner.first + (1n << BigInt(32 - inner.prefix)) - 1n, prefix: 32 }
      const ends = [inner, last].map((one) => list.check(formatCidr(one).split('/')[0] ?? ''))
      expect(contains(outer, inner)).toBe(ends[0] === true && ends[1] === true)
      expect(overlaps(outer, inner)).toBe(contains(outer, inner) || contains(inner, outer))
    }),
  )
})

test('ranges of different families never contain each other', () => {
  expect(overlaps(read('0.0.0.0/0'), read('::/0'))).toBe(false)
})

test('a range tells how many addresses it has and which', () => {
  const range = read('10.20.1.0/29')
  expect(sizeOf(range)).toBe(8n)
  expect([0n, 4n, 7n].map((at) => addressAt(range, at))).toEqual(['10.20.1.0', '10.20.1.4', '10.20.1.7'])
  expect(addressAt(read('10.0.0.0/8'), 256n * 3n + 9n)).toBe('10.0.3.9')
  expect(addressAt(read('2001:db8::/64'), 0x10001n)).toBe('2001:db8::1:1')
})
