import type { IpPermission, SecurityGroup } from '@aws-sdk/client-ec2'
import type { SecurityRule } from '#shared/clouds/port.ts'
import { canonicalCidr } from '#shared/clouds/aws/networks/cidr.ts'

/** One permit as EC2 tells them apart: a protocol, ports and one other end. `key` is its identity; a description is not part of it. */
export interface Permit {
  direction: SecurityRule['direction']
  key: string
  /** As Authorize and Revoke take it. */
  permission: IpPermission
  description: string | undefined
}

/**
 * Rules of a group in our terms. A group that may call everything has no egress rules here, which is what none means; one that may call
 * nothing has an egress rule without ranges. Other ends that are groups or prefix lists are no ranges, and are not shown.
 */
export function toRules(group: SecurityGroup): SecurityRule[] {
  const ingress = rulesOf('ingress', group.IpPermissions ?? [])
  const permits = group.IpPermissionsEgress ?? []
  const egress = rulesOf('egress', permits)
  if (permits.length === 0 && group.VpcId !== undefined)
    return [...ingress, { direction: 'egress', protocol: 'any', cidrs: [] }]
  return isEverything(permits) ? ingress : [...ingress, ...egress]
}

/** The permits that a group has now, other ends of every kind included. */
export const permitsOf = (group: SecurityGroup): Permit[] => [
  ...(group.IpPermissions ?? []).flatMap((permission) => split('ingress', permission)),
  ...(group.IpPermissionsEgress ?? []).flatMap((permission) => split('egress', permission)),
]

/** The permits that make these rules. Without egress rules everything may be called, as in a new group of EC2. */
export function permitsFor(rules: readonly SecurityRule[]): Permit[] {
  const limited = rules.some(({ direction }) => direction === 'egress')
  const all = limited ? rules : [...rules, everything]
  const permits = all.flatMap((rule) =>
    rule.cidrs.flatMap((cidr) => split(rule.direction, fromRule(rule, cidr))),
  )
  return [...new Map(permits.map((permit) => [permit.key, permit])).values()]
}

const everything: SecurityRule = { direction: 'egress', protocol: 'any', cidrs: ['0.0.0.0/0'] }

const isEverything = (permissions: readonly IpPermission[]): boolean => {
  const keys = permissions.flatMap((permission) => split('egress', permission)).map(({ key }) => key)
  const open = ['egress|-1|||0.0.0.0/0', 'egress|-1|||::/0']
  return keys.includes(open[0] ?? '') && keys.every((key) => open.includes(key))
}

/** Ranges with the same protocol, ports and description are one rule. */
function rulesOf(direction: SecurityRule['direction'], permissions: readonly IpPermission[]): SecurityRule[] {
  const ranges = permissions.flatMap((permission) => {
    const protocol = protocols[permission.IpProtocol ?? '']
    if (protocol === undefined) return []
    const all = [
      ...(permission.IpRanges ?? []).map((range) => ({ cidr: range.CidrIp ?? '', of: range.Description })),
      ...(permission.Ipv6Ranges ?? []).map((range) => ({
        cidr: range.CidrIpv6 ?? '',
        of: range.Description,
      })),
    ]
    const ports = portsOf(permission, protocol)
    return all.map(({ cidr, of }) => ({
      cidr,
      rule: { protocol, ...ports, ...(of ? { description: of } : {}) },
    }))
  })
  const groups = Map.groupBy(ranges, ({ rule }) => JSON.stringify(rule))
  return [...groups.values()].flatMap((same) => {
    const [first] = same
    return first ? [{ direction, ...first.rule, cidrs: same.map(({ cidr }) => cidr) }] : []
  })
}

/** By EC2's names and by IANA's numbers; both are given. */
const protocols: Record<string, SecurityRule['protocol']> = {
  '-1': 'any',
  tcp: 'tcp',
  '6': 'tcp',
  udp: 'udp',
  '17': 'udp',
  icmp: 'icmp',
  '1': 'icmp',
  icmpv6: 'icmp',
  '58': 'icmp',
}

/** Our rules have ports for tcp and udp alone; all of them is none given. */
function portsOf({ FromPort, ToPort }: IpPermission, protocol: SecurityRule['protocol']) {
  if ((protocol !== 'tcp' && protocol !== 'udp') || FromPort === undefined || ToPort === undefined) return {}
  return FromPort === 0 && ToPort === 65_535 ? {} : { fromPort: FromPort, toPort: ToPort }
}

function fromRule({ protocol, fromPort, toPort, description }: SecurityRule, cidr: string): IpPermission {
  const v6 = cidr.includes(':')
  const described = description === undefined ? {} : { Description: description }
  const range = canonicalCidr(cidr)
  return {
    IpProtocol: protocol === 'any' ? '-1' : protocol === 'icmp' && v6 ? 'icmpv6' : protocol,
    ...(protocol === 'icmp' ? { FromPort: -1, ToPort: -1 } : {}),
    ...(protocol === 'tcp' || protocol === 'udp'
      ? { FromPort: fromPort ?? toPort ?? 0, ToPort: toPort ?? fromPort ?? 65_535 }
      : {}),
    ...(v6
      ? { Ipv6Ranges: [{ CidrIpv6: range, ...described }] }
      : { IpRanges: [{ CidrIp: range, ...described }] }),
  }
}

/** One permission of EC2 as one permit for each other end. */
function split(direction: SecurityRule['direction'], permission: IpPermission): Permit[] {
  const { IpProtocol = '', FromPort, ToPort } = permission
  const base = {
    IpProtocol,
    ...(FromPort === undefined ? {} : { FromPort }),
    ...(ToPort === undefined ? {} : { ToPort }),
  }
  const one = (end: string, ends: IpPermission, description: string | undefined): Permit => ({
    direction,
    key: [direction, IpProtocol, FromPort ?? '', ToPort ?? '', end].join('|'),
    permission: { ...base, ...ends },
    description: description || undefined,
  })
  return [
    ...(permission.IpRanges ?? []).map((range) =>
      one(range.CidrIp ?? '', { IpRanges: [range] }, range.Description),
    ),
    ...(permission.Ipv6Ranges ?? []).map((range) =>
      one(range.CidrIpv6 ?? '', { Ipv6Ranges: [range] }, range.Description),
    ),
    ...(permission.PrefixListIds ?? []).map((list) =>
      one(list.PrefixListId ?? '', { PrefixListIds: [list] }, list.Description),
    ),
    ...(permission.UserIdGroupPairs ?? []).map((pair) =>
      one(
        pair.GroupId ?? '',
        { UserIdGroupPairs: [{ GroupId: pair.GroupId, UserId: pair.UserId }] },
        pair.Description,
      ),
    ),
  ]
}
