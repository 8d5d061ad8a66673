import type { IpPermission } from '@aws-sdk/client-ec2'
import type { CloudRef, SecurityRule } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { findSecurityGroup } from '#shared/clouds/aws/networks/describe.ts'
import { permitsFor, permitsOf, type Permit } from '#shared/clouds/aws/networks/rules.ts'
import { bounds, waitFor } from '#shared/clouds/aws/waiting.ts'

/**
 * Authorizes what is missing, then revokes what is too much, so that what is permitted before and after is never cut off. EC2 refuses a whole call
 * for one permit that is there (or gone) already, as after a lost reply: then the group is looked at anew.
 */
export async function setRules(aws: AwsClients, ref: CloudRef, rules: SecurityRule[]): Promise<void> {
  const wanted = permitsFor(rules)
  let refusal: unknown
  const done = await waitFor(async () => {
    try {
      return await step(aws, ref, wanted)
    } catch (error) {
      const behind = error instanceof CloudError && overtaken.has(error.vendorCode ?? '')
      if (!behind) throw error
      refusal = error
      return undefined
    }
  }, bounds(aws))
  if (!done) throw refusal
}

/** The group is not everywhere as it was described: permits that are there or gone already, or the whole of it too new. */
const overtaken = new Set([
  'InvalidPermission.Duplicate',
  'InvalidPermission.NotFound',
  'InvalidGroup.NotFound',
])

async function step(aws: AwsClients, ref: CloudRef, wanted: readonly Permit[]): Promise<true> {
  const group = await waitFor(() => findSecurityGroup(aws, ref), bounds(aws))
  if (!group) throw unknown(ref)
  const there = permitsOf(group)
  const { missing, surplus, renamed } = compare(there, wanted)
  await apply(authorize, aws, ref, missing)
  await apply(describe, aws, ref, renamed)
  await apply(revoke, aws, ref, surplus)
  return true
}

function compare(there: readonly Permit[], wanted: readonly Permit[]) {
  const [has, wants] = [there, wanted].map(
    (permits) => new Map(permits.map((permit) => [permit.key, permit])),
  )
  return {
    missing: wanted.filter(({ key }) => !has?.has(key)),
    surplus: there.filter(({ key }) => !wants?.has(key)),
    renamed: wanted.filter(
      ({ key, description }) => has?.has(key) && has.get(key)?.description !== description,
    ),
  }
}

/** How a change of permits is asked of EC2, by direction. */
type Change = Readonly<
  Record<
    Permit['direction'],
    (
      aws: AwsClients,
      region: string,
      input: { GroupId: string; IpPermissions: IpPermission[] },
    ) => Promise<object>
  >
>

async function apply(
  change: Change,
  aws: AwsClients,
  { region, id: GroupId }: CloudRef,
  permits: readonly Permit[],
): Promise<void> {
  for (const direction of ['ingress', 'egress'] as const) {
    const IpPermissions = permits
      .filter((permit) => permit.direction === direction)
      .map(({ permission }) => permission)
    if (IpPermissions.length > 0) await change[direction](aws, region, { GroupId, IpPermissions })
  }
}

const authorize: Change = {
  ingress: (aws, region, input) =>
    aws.ec2(region, 'AuthorizeSecurityGroupIngress', (ec2, http) =>
      ec2.authorizeSecurityGroupIngress(input, http),
    ),
  egress: (aws, region, input) =>
    aws.ec2(region, 'AuthorizeSecurityGroupEgress', (ec2, http) =>
      ec2.authorizeSecurityGroupEgress(input, http),
    ),
}

const revoke: Change = {
  ingress: (aws, region, input) =>
    aws.ec2(region, 'RevokeSecurityGroupIngress', (ec2, http) => ec2.revokeSecurityGroupIngress(input, http)),
  egress: (aws, region, input) =>
    aws.ec2(region, 'RevokeSecurityGroupEgress', (ec2, http) => ec2.revokeSecurityGroupEgress(input, http)),
}

const describe: Change = {
  ingress: (aws, region, input) =>
    aws.ec2(region, 'UpdateSecurityGroupRuleDescriptionsIngress', (ec2, http) =>
      ec2.updateSecurityGroupRuleDescriptionsIngress(input, http),
    ),
  egress: (aws, region, input) =>
    aws.ec2(region, 'UpdateSecurityGroupRuleDescriptionsEgress', (ec2, http) =>
      ec2.updateSecurityGroupRuleDescriptionsEgress(input, http),
    ),
}

const unknown = ({ region, id }: CloudRef) =>
  new CloudError(`AWS ${region} knows no security group ${id}.`, {
    cloud: 'aws',
    operation: 'DescribeSecurityGroups',
    code: 'not_found',
    remedy: 'Check the id and the region.',
  })
