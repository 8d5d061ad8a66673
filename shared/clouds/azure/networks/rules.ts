import { createHash } from 'node:crypto'
import type { NetworkSecurityGroup, SecurityRule as AzureRule } from '@azure/arm-network'
import type { SecurityRule } from '#shared/clouds/port.ts'

/**
 * A group's rules as Azure has them. Azure's rules have priorities and a family of addresses each, and its default rules let all of a network's VMs call
 * each other: so each permit becomes one rule per family, and where our terms refuse the rest, a last rule refuses it. Permits that are in `before`
 * keep their priority.
 */
export function toAzureRules(rules: SecurityRule[], before: AzureRule[] = []): AzureRule[] {
  const known = new Map(before.map((rule) => [rule.name ?? '', rule.priority]))
  const permits = new Map(
    rules.flatMap((rule) => families(rule)).map((rule) => [rule.name ?? '', rule] as const),
  )
  // The priority of a rule that goes is free only after it went.
  const taken = new Set(before.map(({ direction, priority }) => `${direction} ${priority}`))
  const next = { Inbound: firstPriority, Outbound: firstPriority }
  const priorityOf = ({ name = '', direction }: AzureRule): number => {
    const had = known.get(name)
    if (had !== undefined && had < lastPriority) return had
    const side = direction === 'Outbound' ? 'Outbound' : 'Inbound'
    while (taken.has(`${side} ${next[side]}`)) next[side] += 1
    return next[side]++
  }
  return [
    ...[...permits.values()].map((rule) => ({ ...rule, priority: priorityOf(rule) })),
    refusal('Inbound'),
    ...(rules.some(({ direction }) => direction === 'egress') ? [refusal('Outbound')] : []),
  ]
}

/**
 * What a group permits, in our terms. What Azure permits beside them cannot be said in them and is left out: rules for application groups, for AH and
 * ESP, and all refusals; `cidrs` may hold a service tag such as `VirtualNetwork`.
 */
export function fromAzureRules({ securityRules = [] }: NetworkSecurityGroup): SecurityRule[] {
  const found = new Map<string, SecurityRule>()
  for (const rule of securityRules.toSorted((a, b) => (a.priority ?? 0) - (b.priority ?? 0))) {
    const protocol = rule.access === 'Allow' ? protocols.get(rule.protocol?.toLowerCase() ?? '') : undefined
    const cidrs = cidrsOf(rule)
    if (protocol === undefined || cidrs.length === 0) continue
    for (const [index, ports] of portsOf(rule).entries()) {
      // The IPv4 and the IPv6 half of one of our rules become one again.
      const key = `${rule.name?.replace(/^(nc-[\da-f]{16})-v6$/, '$1')} ${index}`
      const half = found.get(key)
      if (half) half.cidrs.push(...cidrs)
      else
        found.set(key, {
          direction: rule.direction === 'Outbound' ? 'egress' : 'ingress',
          protocol,
          ...ports,
          cidrs,
          ...(rule.description ? { description: rule.description } : {}),
        })
    }
  }
  return [...found.values()]
}

/** The rules of both, by name: so that new permits are in force before old ones go. */
export function unionOf(wanted: AzureRule[], before: AzureRule[]): AzureRule[] {
  const names = new Set(wanted.map(({ name }) => name))
  const taken = new Set(wanted.map(({ direction, priority }) => `${direction} ${priority}`))
  return [
    ...wanted.filter(({ access }) => access === 'Allow'),
    ...before.filter(
      ({ name, direction, priority }) => !names.has(name) && !taken.has(`${direction} ${priority}`),
    ),
    // A refusal comes last, and so with the second step.
    ...before.filter(({ name, access }) => access === 'Deny' && names.has(name)),
  ]
}

const firstPriority = 100
const lastPriority = 4096

const protocols = new Map<string, SecurityRule['protocol']>([
  ['tcp', 'tcp'],
  ['udp', 'udp'],
  ['icmp', 'icmp'],
  ['*', 'any'],
])

/** Azure takes no rule whose addresses are of both families. */
function families(rule: SecurityRule): AzureRule[] {
  const v6 = rule.cidrs.filter((cidr) => cidr.includes(':'))
  const v4 = rule.cidrs.filter((cidr) => !cidr.includes(':'))
  const name = `nc-${createHash('sha256').update(canonical(rule)).digest('hex').slice(0, 16)}`
  return [
    ...(v4.length > 0 ? [permit(rule, name, v4)] : []),
    ...(v6.length > 0 ? [permit(rule, `${name}-v6`, v6)] : []),
  ]
}

function permit(rule: SecurityRule, name: string, cidrs: string[]): AzureRule {
  const theirs = cidrs.length === 1 ? { prefix: cidrs[0] ?? '' } : { prefixes: cidrs }
  const ports =
    rule.fromPort === undefined
      ? '*'
      : rule.toPort === undefined || rule.toPort === rule.fromPort
        ? String(rule.fromPort)
        : `${rule.fromPort}-${rule.toPort}`
  const ingress = rule.direction === 'ingress'
  return {
    name,
    access: 'Allow',
    direction: ingress ? 'Inbound' : 'Outbound',
    protocol: { tcp: 'Tcp', udp: 'Udp', icmp: 'Icmp', any: '*' }[rule.protocol],
    sourcePortRange: '*',
    destinationPortRange: ports,
    ...(theirs.prefix === undefined
      ? ingress
        ? { sourceAddressPrefixes: theirs.prefixes }
        : { destinationAddressPrefixes: theirs.prefixes }
      : ingress
        ? { sourceAddressPrefix: theirs.prefix }
        : { destinationAddressPrefix: theirs.prefix }),
    ...(ingress ? { destinationAddressPrefix: '*' } : { sourceAddressPrefix: '*' }),
    ...(rule.description ? { description: rule.description } : {}),
  }
}

const refusal = (direction: 'Inbound' | 'Outbound'): AzureRule => ({
  name: direction === 'Inbound' ? 'nc-refuse-ingress' : 'nc-refuse-egress',
  access: 'Deny',
  direction,
  priority: lastPriority,
  protocol: '*',
  sourcePortRange: '*',
  destinationPortRange: '*',
  sourceAddressPrefix: '*',
  destinationAddressPrefix: '*',
  description: 'What no rule permits is refused.',
})

const canonical = ({ direction, protocol, fromPort, toPort, cidrs, description }: SecurityRule): string =>
  JSON.stringify([direction, protocol, fromPort, toPort, cidrs.toSorted(), description])

function cidrsOf(rule: AzureRule): string[] {
  const [one, many] =
    rule.direction === 'Outbound'
      ? [rule.destinationAddressPrefix, rule.destinationAddressPrefixes]
      : [rule.sourceAddressPrefix, rule.sourceAddressPrefixes]
  return [...(one ? [one] : []), ...(many ?? [])].flatMap((prefix) =>
    /^(\*|any|internet)$/i.test(prefix) ? ['0.0.0.0/0', '::/0'] : prefix,
  )
}

function portsOf(rule: AzureRule): Pick<SecurityRule, 'fromPort' | 'toPort'>[] {
  const ranges = [
    ...(rule.destinationPortRange ? [rule.destinationPortRange] : []),
    ...(rule.destinationPortRanges ?? []),
  ]
  return ranges.map((range) => {
    if (range === '*') return {}
    const [from, to] = range.split('-').map(Number)
    return from === undefined ? {} : { fromPort: from, toPort: to ?? from }
  })
}
