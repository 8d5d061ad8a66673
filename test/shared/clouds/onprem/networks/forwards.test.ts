import { expect, test } from 'vitest'
import { forwardsFor, mostPorts } from '#shared/clouds/onprem/networks/forwards.ts'
import type { SecurityRule } from '#shared/clouds/port.ts'

const rule = (changes: Partial<SecurityRule>): SecurityRule => ({
  direction: 'ingress',
  protocol: 'tcp',
  fromPort: 443,
  toPort: 443,
  cidrs: ['0.0.0.0/0'],
  ...changes,
})
const forwards = (...rules: SecurityRule[]) =>
  forwardsFor('test', '203.0.113.7', rules).map(
    ({ protocol, hostAddress, hostPort, guestPort }) => `${protocol} ${hostAddress}:${hostPort}>${guestPort}`,
  )

test('each port that everybody may call is led, once, to the same port', () => {
  expect(forwards(rule({}), rule({ fromPort: 442, toPort: 444 }), rule({ protocol: 'udp' }))).toEqual([
    'tcp 203.0.113.7:443>443',
    'tcp 203.0.113.7:442>442',
    'tcp 203.0.113.7:444>444',
    'udp 203.0.113.7:443>443',
  ])
})

test('what only some may call is not led, because everybody could come in by it', () => {
  expect(forwards(rule({ cidrs: ['10.0.0.0/8'] }), rule({ cidrs: ['::/0'] }))).toEqual([])
  expect(forwards(rule({ cidrs: ['10.0.0.0/8', '0.0.0.0/0'] }))).toHaveLength(1)
})

test('rules for calling out and for ICMP lead nothing', () => {
  expect(
    forwards(rule({ direction: 'egress' }), { direction: 'ingress', protocol: 'icmp', cidrs: ['0.0.0.0/0'] }),
  ).toEqual([])
})

test('more ports than an address can lead are refused with what to do, as many as it can are not', () => {
  const range = (count: number) => rule({ fromPort: 1000, toPort: 999 + count })
  expect(forwards(range(mostPorts))).toHaveLength(mostPorts)
  const { fromPort: _, toPort: __, ...all } = rule({})
  for (const wide of [
    [range(mostPorts + 1)],
    [range(mostPorts), rule({})],
    [all],
    [{ ...all, protocol: 'any' as const }],
  ])
    expect(() => forwardsFor('test', '203.0.113.7', wide)).toThrow(
      expect.objectContaining({ code: 'invalid_request', remedy: expect.stringContaining('256') as string }),
    )
})

test('an IPv6 address leads nothing, and says so if something is to be led', () => {
  expect(forwardsFor('test', '2001:db8::1', [])).toEqual([])
  expect(() => forwardsFor('test', '2001:db8::1', [rule({})])).toThrow(
    expect.objectContaining({ code: 'unsupported' }),
  )
})
