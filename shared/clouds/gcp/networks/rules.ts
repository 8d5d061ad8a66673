import { createHash } from 'node:crypto'
import type { protos } from '@google-cloud/compute'
import type { SecurityRule } from '#shared/clouds/port.ts'
import { describe, readKept } from '#shared/clouds/gcp/tags.ts'

export type Firewall = protos.google.cloud.compute.v1.IFirewall

/** What permits comes before what refuses the rest, and that before the default network's own rules, which are at 65534. */
const priorities = { permit: 1000, refuse: 65_533 }

/**
 * The firewall rules that make up a security group of this tag: one refuses all that is not permitted (it is there also for a group without rules,
 * and its description keeps what the group is), one or two for each rule (a firewall rule has IPv4 ranges or IPv6 ranges), and one that refuses
 * other calls to the outside if some are permitted. Names are derived from content, so the same rule has the same name. Each carries the group's
 * tags: one that was under way when its group was deleted arrives alone, and is found by its owner all the same.
 */
export function firewallsOf(
  group: { tag: string; network: string; description: string },
  rules: readonly SecurityRule[],
): Firewall[] {
  const common = { network: group.network, targetTags: [group.tag] }
  const base = baseName(group.tag)
  const { tags = {} } = readKept(group.description)
  const permits = rules.flatMap((rule) =>
    families(rule.cidrs).map(({ family, cidrs }) => ({
      ...common,
      name: `${base}-${digestOf(rule)}-${family}`,
      description: describe({
        tags,
        ...(rule.description === undefined ? {} : { text: rule.description }),
      }),
      direction: rule.direction === 'egress' ? 'EGRESS' : 'INGRESS',
      priority: priorities.permit,
      allowed: [{ IPProtocol: protocolOf(rule, family), ...portsOf(rule) }],
      ...(rule.direction === 'egress' ? { destinationRanges: cidrs } : { sourceRanges: cidrs }),
    })),
  )
  const refuse = { ...common, priority: priorities.refuse, denied: [{ IPProtocol: 'all' }] }
  const anchor = {
    ...refuse,
    name: group.tag,
    description: group.description,
    direction: 'INGRESS',
    sourceRanges: ['0.0.0.0/0'],
  }
  const outward = rules.some(({ direction }) => direction === 'egress')
    ? [
        {
          ...refuse,
          name: `${base}-egress`,
          description: describe({ tags }),
          direction: 'EGRESS',
          destinationRanges: ['0.0.0.0/0'],
        },
      ]
    : []
  return [anchor, ...permits, ...outward]
}

/** The rules that firewall rules stand for; those that refuse or are turned off permit nothing. */
export function rulesOf(firewalls: readonly Firewall[]): SecurityRule[] {
  const rules = new Map<string, SecurityRule>()
  for (const firewall of firewalls) {
    if (firewall.disabled || (firewall.allowed ?? []).length === 0) continue
    const direction = firewall.direction === 'EGRESS' ? 'egress' : 'ingress'
    const cidrs = (direction === 'egress' ? firewall.destinationRanges : firewall.sourceRanges) ?? []
    for (const [index, { IPProtocol: protocol, ports }] of (firewall.allowed ?? []).entries()) {
      for (const [order, range] of (ports?.length ? ports : [undefined]).entries()) {
        // The IPv4 and the IPv6 half of one rule have one name but for its end.
        const key = `${(firewall.name ?? '').replace(/-v[46]$/, '')} ${index} ${order}`
        const known = rules.get(key)
        if (known) known.cidrs.push(...cidrs)
        else rules.set(key, ruleOf(direction, protocol ?? 'all', range, [...cidrs], firewall.description))
      }
    }
  }
  return [...rules.values()]
}

function ruleOf(
  direction: SecurityRule['direction'],
  vendorProtocol: string,
  range: string | undefined,
  cidrs: string[],
  described: string | null | undefined,
): SecurityRule {
  const description = described?.startsWith('{') ? readKept(described)['text'] : described
  const [from, to = from] = (range ?? '').split('-')
  return {
    direction,
    protocol: protocolNames[vendorProtocol] ?? 'any',
    ...(from ? { fromPort: Number(from), toPort: Number(to) } : {}),
    cidrs,
    ...(typeof description === 'string' && description !== '' ? { description } : {}),
  }
}

const protocolNames: Readonly<Record<string, SecurityRule['protocol']>> = {
  tcp: 'tcp',
  udp: 'udp',
  icmp: 'icmp',
  '58': 'icmp',
  '1': 'icmp',
  '6': 'tcp',
  '17': 'udp',
  all: 'any',
}

/** ICMP is another protocol in IPv6. */
const protocolOf = ({ protocol }: SecurityRule, family: 'v4' | 'v6'): string => {
  if (protocol === 'any') return 'all'
  return protocol === 'icmp' && family === 'v6' ? '58' : protocol
}

const portsOf = ({ protocol, fromPort, toPort = fromPort }: SecurityRule): { ports?: string[] } =>
  fromPort === undefined || (protocol !== 'tcp' && protocol !== 'udp')
    ? {}
    : { ports: [fromPort === toPort ? String(fromPort) : `${fromPort}-${toPort}`] }

function families(cidrs: readonly string[]): { family: 'v4' | 'v6'; cidrs: string[] }[] {
  const [v4, v6] = [cidrs.filter((cidr) => !cidr.includes(':')), cidrs.filter((cidr) => cidr.includes(':'))]
  return [
    ...(v4.length === 0 ? [] : [{ family: 'v4' as const, cidrs: v4 }]),
    ...(v6.length === 0 ? [] : [{ family: 'v6' as const, cidrs: v6 }]),
  ]
}

/** Tags of others may fill the 63 characters of a name. */
const baseName = (tag: string): string =>
  tag.length <= 48
    ? tag
    : `${tag.slice(0, 35)}-${createHash('sha256').update(tag).digest('hex').slice(0, 12)}`

const digestOf = ({ direction, protocol, fromPort, toPort, cidrs, description }: SecurityRule): string =>
  createHash('sha256')
    .update(JSON.stringify([direction, protocol, fromPort, toPort, cidrs, description]))
    .digest('hex')
    .slice(0, 10)
