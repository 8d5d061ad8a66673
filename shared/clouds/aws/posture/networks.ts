import type { PostureResource } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { describeAddresses } from '#shared/clouds/aws/networks/addresses.ts'
import { describeSecurityGroups, describeVpcs } from '#shared/clouds/aws/networks/describe.ts'
import { toRules } from '#shared/clouds/aws/networks/rules.ts'
import { pages } from '#shared/clouds/aws/paging.ts'
import { known } from '#shared/clouds/aws/posture/machines.ts'

/** Security groups, networks and addresses as checks read them. */
export async function* networkPosture(aws: AwsClients, region: string): AsyncGenerator<PostureResource> {
  const [inUse, logged] = await Promise.all([groupsInUse(aws, region), loggedResources(aws, region)])
  for await (const group of describeSecurityGroups(aws, region, {})) {
    const id = group.GroupId ?? ''
    yield {
      ...known(region, id, group.Tags),
      name: group.GroupName ?? id,
      kind: 'security_group',
      rules: toRules(group),
      isDefault: group.GroupName === 'default',
      inUse: inUse.has(id),
    }
  }
  for await (const vpc of describeVpcs(aws, region, {})) {
    const id = vpc.VpcId ?? ''
    yield {
      ...known(region, id, vpc.Tags),
      kind: 'network',
      isDefault: vpc.IsDefault ?? false,
      flowLogs: logged.has(id),
    }
  }
  for (const address of await describeAddresses(aws, region, {})) {
    yield {
      ...known(region, address.AllocationId ?? '', address.Tags),
      kind: 'address',
      attached: address.AssociationId !== undefined,
    }
  }
}

/** Groups that an interface is in. */
async function groupsInUse(aws: AwsClients, region: string): Promise<Set<string>> {
  const found = new Set<string>()
  const all = pages((token) =>
    aws.ec2(region, 'DescribeNetworkInterfaces', (ec2, http) =>
      ec2.describeNetworkInterfaces({ MaxResults: 500, ...token }, http),
    ),
  )
  for await (const { NetworkInterfaces = [] } of all) {
    for (const { GroupId } of NetworkInterfaces.flatMap(({ Groups = [] }) => Groups)) found.add(GroupId ?? '')
  }
  return found
}

/** What has an active flow log. */
async function loggedResources(aws: AwsClients, region: string): Promise<Set<string>> {
  const found = new Set<string>()
  const all = pages((token) =>
    aws.ec2(region, 'DescribeFlowLogs', (ec2, http) =>
      ec2.describeFlowLogs({ MaxResults: 500, ...token }, http),
    ),
  )
  for await (const { FlowLogs = [] } of all) {
    for (const { ResourceId, FlowLogStatus } of FlowLogs) {
      if (ResourceId !== undefined && FlowLogStatus === 'ACTIVE') found.add(ResourceId)
    }
  }
  return found
}
