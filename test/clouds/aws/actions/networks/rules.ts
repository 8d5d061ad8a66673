import { changing, done, type Scene } from '#test/clouds/aws/action.ts'
import { permissionsIn, permissionList, sameRule } from '#test/clouds/aws/actions/networks/permissions.ts'
import type { Permission } from '#test/clouds/aws/network-records.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import { groupId, need } from '#test/clouds/aws/shapes.ts'
import { find } from '#test/clouds/aws/world.ts'

const fields = { GroupId: need(groupId), IpPermissions: need(permissionList) }
type Side = 'ingress' | 'egress'
type Input = { [K in keyof typeof fields]: ReturnType<(typeof fields)[K]> }

export const authorizeSecurityGroupIngress = changing(fields, (input, scene) =>
  authorize('ingress', input, scene),
)
export const authorizeSecurityGroupEgress = changing(fields, (input, scene) =>
  authorize('egress', input, scene),
)
export const revokeSecurityGroupIngress = changing(fields, (input, scene) => revoke('ingress', input, scene))
export const revokeSecurityGroupEgress = changing(fields, (input, scene) => revoke('egress', input, scene))
export const updateRuleDescriptionsIngress = changing(fields, (input, scene) =>
  rename('ingress', input, scene),
)
export const updateRuleDescriptionsEgress = changing(fields, (input, scene) => rename('egress', input, scene))

/** All of them or none: one that is there already refuses the call. */
function authorize(side: Side, input: Input, scene: Scene) {
  const group = groupOf(input, scene)
  const added = permissionsIn(input.IpPermissions, scene)
  for (const [at, one] of added.entries()) {
    const twice = [...group[side], ...added.slice(0, at)].some((each) => sameRule(each, one))
    if (!twice) continue
    throw new Refusal(
      'InvalidPermission.Duplicate',
      `the specified rule "peer: ${one.end.value}, ${one.protocol.toUpperCase()}, ALLOW" already exists`,
    )
  }
  if (group[side].length + added.length > rulesPerGroup) {
    throw new Refusal(
      'RulesPerSecurityGroupLimitExceeded',
      'The maximum number of rules per security group has been reached.',
    )
  }
  group[side].push(...added)
  return done
}

function revoke(side: Side, input: Input, scene: Scene) {
  const group = groupOf(input, scene)
  const gone = permissionsIn(input.IpPermissions, scene)
  for (const one of gone) existing(group[side], one)
  group[side] = group[side].filter((each) => !gone.some((one) => sameRule(each, one)))
  return done
}

function rename(side: Side, input: Input, scene: Scene) {
  const group = groupOf(input, scene)
  const named = permissionsIn(input.IpPermissions, scene)
  const found = named.map((one) => ({ kept: existing(group[side], one), one }))
  for (const { kept, one } of found) kept.description = one.description
  return done
}

/** Service Quotas of VPC: inbound or outbound rules per security group. */
const rulesPerGroup = 60

const groupOf = (input: Input, { region }: Scene) =>
  find(region, region.groups, input.GroupId, 'InvalidGroup.NotFound')

function existing(permissions: readonly Permission[], one: Permission): Permission {
  const found = permissions.find((each) => sameRule(each, one))
  if (found) return found
  throw new Refusal('InvalidPermission.NotFound', 'The specified rule does not exist in this security group.')
}
