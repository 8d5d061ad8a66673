import { expect, test } from 'vitest'
import type { SecurityRule } from '#shared/clouds/port.ts'
import { sameRules } from '#workers/resources/same.ts'

const web: SecurityRule = {
  direction: 'ingress',
  protocol: 'tcp',
  fromPort: 443,
  toPort: 443,
  cidrs: ['0.0.0.0/0'],
}
const out = (...cidrs: string[]): SecurityRule => ({ direction: 'egress', protocol: 'any', cidrs })
const dns: SecurityRule = {
  direction: 'egress',
  protocol: 'udp',
  fromPort: 53,
  toPort: 53,
  cidrs: ['10.0.0.2/32'],
}

test.each<[string, SecurityRule[], SecurityRule[]]>([
  ['no rule for egress and one that permits all of it', [web], [web, out('0.0.0.0/0')]],
  ['all egress over IPv4 alone and over IPv6 too', [out('0.0.0.0/0')], [out('0.0.0.0/0', '::/0')]],
  [
    'ranges together and apart',
    [out('10.0.0.0/8', '192.0.2.0/24')],
    [out('192.0.2.0/24'), out('10.0.0.0/8')],
  ],
  ['spellings of IPv6', [out('2001:DB8:0:0::/32')], [out('2001:db8::/32')]],
  ['rules with other descriptions', [web], [{ ...web, description: 'web' }]],
])('%s permit the same', (_case, one, other) => {
  expect(sameRules(one, other)).toBe(true)
})

test.each<[string, SecurityRule[], SecurityRule[]]>([
  ['no rule for egress and one that permits nothing', [web], [web, out()]],
  ['no rule for egress and one for IPv6 alone', [web], [web, out('::/0')]],
  ['all egress and all with more beside it that AWS keeps', [out('0.0.0.0/0'), dns], [dns]],
  ['other ports', [web], [{ ...web, toPort: 444 }]],
  ['no rule for ingress and one from everywhere', [], [{ ...web, protocol: 'any' }]],
])('%s do not permit the same', (_case, one, other) => {
  expect(sameRules(one, other)).toBe(false)
})
