import { expect, test } from 'vitest'
import { fromAzureRules, toAzureRules, unionOf } from '#shared/clouds/azure/networks/rules.ts'
import type { SecurityRule } from '#shared/clouds/port.ts'

const web: SecurityRule = {
  direction: 'ingress',
  protocol: 'tcp',
  fromPort: 443,
  toPort: 443,
  cidrs: ['0.0.0.0/0', '::/0'],
  description: 'web',
}
const ssh: SecurityRule = {
  direction: 'ingress',
  protocol: 'tcp',
  fromPort: 22,
  toPort: 22,
  cidrs: ['10.0.0.0/8', '192.168.0.0/16'],
}
const out: SecurityRule = { direction: 'egress', protocol: 'any', cidrs: ['10.0.0.0/8'] }

test('a rule of both address families becomes one for each, and one again when read', () => {
  const rules = toAzureRules([web])
  const permits = rules.filter(({ access }) => access === 'Allow')
  expect(permits.map(({ sourceAddressPrefix }) => sourceAddressPrefix)).toEqual(['0.0.0.0/0', '::/0'])
  expect(fromAzureRules({ securityRules: rules })).toEqual([web])
})

test('what no rule permits is refused, calls between VMs of one network too', () => {
  const refusals = (rules: SecurityRule[]) =>
    toAzureRules(rules)
      .filter(({ access }) => access === 'Deny')
      .map(({ direction, priority }) => [direction, priority])
  expect(refusals([ssh])).toEqual([['Inbound', 4096]])
  expect(refusals([ssh, out])).toEqual([
    ['Inbound', 4096],
    ['Outbound', 4096],
  ])
})

test('a rule that stays keeps its priority, and a new one takes none that is in use', () => {
  const before = toAzureRules([ssh, web])
  const after = toAzureRules([out, web, { ...ssh, toPort: 23 }], before)
  const of = (rules: typeof before, port: string) =>
    rules.filter(({ destinationPortRange }) => destinationPortRange === port).map(({ priority }) => priority)
  expect(of(after, '443')).toEqual(of(before, '443'))
  const taken = before.map(({ direction, priority }) => `${direction} ${priority}`)
  const fresh = after.find(({ destinationPortRange }) => destinationPortRange === '22-23')
  expect(taken).not.toContain(`Inbound ${fresh?.priority}`)
})

test('between two sets of rules both are permitted, and a refusal of what was open comes last', () => {
  const before = toAzureRules([ssh])
  const wanted = toAzureRules([web, out], before)
  const both = unionOf(wanted, before)
  expect(fromAzureRules({ securityRules: both })).toEqual(expect.arrayContaining([ssh, web, out]))
  expect(both.filter(({ access }) => access === 'Deny').map(({ direction }) => direction)).toEqual([
    'Inbound',
  ])
  const slots = both.map(({ direction, priority }) => `${direction} ${priority}`)
  expect(new Set(slots).size).toBe(slots.length)
})

test('rules that others made are told as far as our terms go', () => {
  const rule = {
    protocol: 'Tcp',
    direction: 'Inbound',
    sourcePortRange: '*',
    destinationAddressPrefix: '*',
  } as const
  expect(
    fromAzureRules({
      securityRules: [
        {
          ...rule,
          name: 'b',
          access: 'Allow',
          priority: 200,
          destinationPortRanges: ['80', '8000-8100'],
          sourceAddressPrefix: 'Internet',
        },
        {
          ...rule,
          name: 'a',
          access: 'Allow',
          priority: 100,
          destinationPortRange: '*',
          sourceAddressPrefix: 'VirtualNetwork',
        },
        {
          ...rule,
          name: 'c',
          access: 'Deny',
          priority: 300,
          destinationPortRange: '*',
          sourceAddressPrefix: '*',
        },
        {
          ...rule,
          name: 'd',
          access: 'Allow',
          priority: 400,
          protocol: 'Esp',
          destinationPortRange: '*',
          sourceAddressPrefix: '*',
        },
      ],
    }),
  ).toEqual([
    { direction: 'ingress', protocol: 'tcp', cidrs: ['VirtualNetwork'] },
    { direction: 'ingress', protocol: 'tcp', fromPort: 80, toPort: 80, cidrs: ['0.0.0.0/0', '::/0'] },
    { direction: 'ingress', protocol: 'tcp', fromPort: 8000, toPort: 8100, cidrs: ['0.0.0.0/0', '::/0'] },
  ])
})
