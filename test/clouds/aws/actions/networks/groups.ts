import { changing, done, reading, tagsFor, tagsOf } from '#test/clouds/aws/action.ts'
import { addGroup, defaultVpc } from '#test/clouds/aws/actions/networks/places.ts'
import type { Permission, SecurityGroup } from '#test/clouds/aws/network-records.ts'
import { filtered, notBoth, paged } from '#test/clouds/aws/querying.ts'
import { Refusal, invalidValue } from '#test/clouds/aws/refusal.ts'
import {
  filters,
  groupId,
  list,
  need,
  nextToken,
  tagSpecifications,
  text,
  vpcId,
  whole,
} from '#test/clouds/aws/shapes.ts'
import { find, type Region } from '#test/clouds/aws/world.ts'
import type { Xml } from '#test/clouds/aws/xml.ts'

export const describeSecurityGroups = reading(
  {
    GroupId: list(groupId),
    GroupName: list(text()),
    Filter: filters,
    MaxResults: whole(5, 1000),
    NextToken: nextToken,
  },
  ({ GroupId, GroupName, Filter, MaxResults, NextToken }, { world, region }) => {
    notBoth([...GroupId, ...GroupName], MaxResults, 'GroupIds')
    const all = [...region.groups.values()].filter(({ id }) => region.visible.has(id))
    const missing = [
      ...GroupId.filter((id) => !all.some((each) => each.id === id)),
      ...GroupName.filter((name) => !all.some((each) => each.name === name)),
    ]
    if (missing.length > 0)
      throw new Refusal('InvalidGroup.NotFound', `The security group '${missing[0]}' does not exist`)
    const found = filtered(all, Filter, {
      'group-id': ({ id }) => [id],
      'group-name': ({ name }) => [name],
      description: ({ description }) => [description],
      'vpc-id': (group) => [group.vpcId],
      'owner-id': () => [world.accountId],
    })
      .filter(({ id }) => GroupId.length === 0 || GroupId.includes(id))
      .filter(({ name }) => GroupName.length === 0 || GroupName.includes(name))
    const query = ['groups', GroupId, GroupName, Filter]
    const { page, nextToken: next } = paged(world, found, {
      query,
      maxResults: MaxResults,
      nextToken: NextToken,
    })
    return { securityGroupInfo: page.map((group) => describe(group, world.accountId)), nextToken: next }
  },
)

/** EC2 User Guide, security groups: letters, digits and these signs. */
const plainText = /^[A-Za-z0-9 ._\-:/()#,@[\]+=&;{}!$*]*$/

export const createSecurityGroup = changing(
  {
    GroupName: need(text({ max: 255, pattern: plainText })),
    GroupDescription: need(text({ max: 255, pattern: plainText })),
    VpcId: vpcId,
    TagSpecification: tagSpecifications,
  },
  (input, { world, region }) => {
    const vpc =
      input.VpcId === undefined
        ? defaultVpc(region)
        : find(region, region.vpcs, input.VpcId, 'InvalidVpcID.NotFound')
    if (!vpc) throw new Refusal('VPCIdNotSpecified', 'No default VPC for this user')
    if (input.GroupName.startsWith('sg-')) throw invalidValue('Group names may not begin with sg-')
    const namesake = [...region.groups.values()].find(
      (group) => group.vpcId === vpc.id && group.name === input.GroupName,
    )
    if (namesake) {
      throw new Refusal(
        'InvalidGroup.Duplicate',
        `The security group '${input.GroupName}' already exists for VPC '${vpc.id}'`,
      )
    }
    const group = addGroup(world, region, {
      name: input.GroupName,
      description: input.GroupDescription,
      vpcId: vpc.id,
      tags: tagsFor('security-group', input.TagSpecification),
    })
    region.visible.add(group.id)
    return { return: true, groupId: group.id, tagSet: tagsOf(group.tags) }
  },
)

export const deleteSecurityGroup = changing({ GroupId: need(groupId) }, (input, { region }) => {
  const group = find(region, region.groups, input.GroupId, 'InvalidGroup.NotFound')
  if (group.name === 'default')
    throw new Refusal(
      'CannotDelete',
      'the specified group: "default" name: "default" cannot be deleted by a user',
    )
  if (inUse(region, group.id))
    throw new Refusal('DependencyViolation', `resource ${group.id} has a dependent object`)
  region.groups.delete(group.id)
  return done
})

/** An interface is in it, or a rule of another group names it. */
function inUse(region: Region, id: string): boolean {
  const named = ({ end }: Permission) => end.kind === 'group' && end.value === id
  return (
    [...region.interfaces.values()].some(({ groups }) => groups.includes(id)) ||
    [...region.groups.values()].some(
      (group) => group.id !== id && [...group.ingress, ...group.egress].some(named),
    )
  )
}

const describe = (group: SecurityGroup, ownerId: string): Xml => ({
  ownerId,
  groupId: group.id,
  groupName: group.name,
  groupDescription: group.description,
  vpcId: group.vpcId,
  ipPermissions: grouped(group.ingress),
  ipPermissionsEgress: grouped(group.egress),
  tagSet: tagsOf(group.tags),
})

/** Other ends of the same protocol and ports are told of together, as EC2 does. */
function grouped(permissions: readonly Permission[]): Xml {
  const same = Map.groupBy(permissions, ({ protocol, fromPort, toPort }) =>
    [protocol, fromPort, toPort].join('|'),
  )
  return [...same.values()].map((all) => {
    const of = (kind: Permission['end']['kind']) => all.filter(({ end }) => end.kind === kind)
    const [first] = all
    return {
      ipProtocol: first?.protocol,
      fromPort: first?.fromPort,
      toPort: first?.toPort,
      groups: of('group').map(({ end, description }) => ({
        groupId: end.value,
        userId: end.account,
        description,
      })),
      ipRanges: of('v4').map(({ end, description }) => ({ cidrIp: end.value, description })),
      ipv6Ranges: of('v6').map(({ end, description }) => ({ cidrIpv6: end.value, description })),
      prefixListIds: of('list').map(({ end, description }) => ({ prefixListId: end.value, description })),
    }
  })
}
