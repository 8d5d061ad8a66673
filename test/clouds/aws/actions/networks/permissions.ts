import type { Scene } from '#test/clouds/aws/action.ts'
import { range4 } from '#test/clouds/aws/address-math.ts'
import type { Permission } from '#test/clouds/aws/network-records.ts'
import { Refusal, invalidValue } from '#test/clouds/aws/refusal.ts'
import { group, groupId, list, need, text, whole } from '#test/clouds/aws/shapes.ts'

const described = text({ max: 255, pattern: /^[A-Za-z0-9 ._\-:/()#,@[\]+=&;{}!$*]*$/ })

/** `IpPermissions` of Authorize, Revoke and UpdateSecurityGroupRuleDescriptions. */
export const permissionList = list(
  group({
    IpProtocol: need(text({ max: 10 })),
    FromPort: whole(-1, 65_535),
    ToPort: whole(-1, 65_535),
    IpRanges: list(group({ CidrIp: need(text()), Description: described })),
    Ipv6Ranges: list(group({ CidrIpv6: need(text()), Description: described })),
    Groups: list(group({ GroupId: need(groupId), UserId: text(), Description: described })),
    PrefixListIds: list(group({ PrefixListId: need(text()), Description: described })),
  }),
)
type Given = ReturnType<typeof permissionList>[number]

/** One permission for each other end that is named, checked as EC2 does. */
export function permissionsIn(given: readonly Given[], { world, region }: Scene): Permission[] {
  return given.flatMap((permission) => {
    if (!permission) return []
    const base = portsOf(permission)
    const ends = [
      ...permission.IpRanges.map((range) => ({ end: v4(range.CidrIp), description: range.Description })),
      ...permission.Ipv6Ranges.map((range) => ({ end: v6(range.CidrIpv6), description: range.Description })),
      ...permission.Groups.map((pair) => {
        if (!region.groups.has(pair.GroupId))
          throw new Refusal('InvalidGroup.NotFound', `The security group '${pair.GroupId}' does not exist`)
        const end = { kind: 'group' as const, value: pair.GroupId, account: pair.UserId ?? world.accountId }
        return { end, description: pair.Description }
      }),
      ...permission.PrefixListIds.map((each) => ({
        end: { kind: 'list' as const, value: each.PrefixListId },
        description: each.Description,
      })),
    ]
    if (ends.length === 0)
      throw new Refusal('MissingParameter', 'Source/destination information is missing from the request')
    return ends.map((end): Permission => ({ ...base, ...end }))
  })
}

/** A description is no part of what a rule is. */
export const sameRule = (a: Permission, b: Permission): boolean =>
  a.protocol === b.protocol &&
  a.fromPort === b.fromPort &&
  a.toPort === b.toPort &&
  a.end.kind === b.end.kind &&
  a.end.value === b.end.value

/** Kept by EC2 under a name where there is one; others by their number. */
const names: Readonly<Record<string, string>> = { '6': 'tcp', '17': 'udp', '1': 'icmp', '58': 'icmpv6' }
const known = new Set(['tcp', 'udp', 'icmp', 'icmpv6', '-1'])

function portsOf({ IpProtocol, FromPort, ToPort }: NonNullable<Given>) {
  const protocol = names[IpProtocol] ?? IpProtocol
  const numbered = /^\d{1,3}$/.test(protocol) && Number(protocol) <= 254
  if (!known.has(protocol) && !numbered) throw invalidValue(`Invalid value '${IpProtocol}' for IP protocol.`)
  if (protocol === '-1' || numbered) return { protocol, fromPort: undefined, toPort: undefined }
  if (FromPort === undefined || ToPort === undefined) {
    throw invalidValue(
      `Invalid value 'Must specify both from and to ports with ${protocol.toUpperCase()}.' for portRange.`,
    )
  }
  const ports = protocol === 'tcp' || protocol === 'udp'
  if (ports && (FromPort < 0 || ToPort < FromPort)) {
    throw invalidValue(
      `Invalid value '${FromPort}-${ToPort}' for portRange: to port must be greater than or equal to from port.`,
    )
  }
  return { protocol, fromPort: FromPort, toPort: ToPort }
}

function v4(cidr: string): Permission['end'] {
  const range = range4(cidr)
  if (range) return { kind: 'v4', value: range.text }
  throw invalidValue(`CIDR block ${cidr} is malformed`)
}

function v6(cidr: string): Permission['end'] {
  const [address = '', prefix = ''] = cidr.split('/')
  if (!URL.canParse(`http://[${address}]`) || !/^\d{1,3}$/.test(prefix) || Number(prefix) > 128)
    throw invalidValue(`CIDR block ${cidr} is malformed`)
  return { kind: 'v6', value: `${new URL(`http://[${address}]`).hostname.slice(1, -1)}/${prefix}` }
}
