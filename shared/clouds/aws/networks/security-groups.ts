import type { CloudRef, CloudSecurityGroup, NetworksFacet } from '#shared/clouds/port.ts'
import { CloudError, isNotFound } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { madeOnce } from '#shared/clouds/aws/made-once.ts'
import { intentTags, present, tagFilters, tokenTag } from '#shared/clouds/aws/mapping.ts'
import { describeSecurityGroups, findSecurityGroup } from '#shared/clouds/aws/networks/describe.ts'
import { toSecurityGroup } from '#shared/clouds/aws/networks/mapping.ts'
import { setRules } from '#shared/clouds/aws/networks/set-rules.ts'
import { permitsFor } from '#shared/clouds/aws/networks/rules.ts'
import { bounds, onceKnown, waitFor } from '#shared/clouds/aws/waiting.ts'

/** Security groups of VPCs. */
export function createSecurityGroups(aws: AwsClients): NetworksFacet['securityGroups'] {
  return {
    async *list({ region }): AsyncGenerator<CloudSecurityGroup> {
      for await (const group of describeSecurityGroups(aws, region, {})) yield toSecurityGroup(group, region)
    },
    async get(ref) {
      const group = await findSecurityGroup(aws, ref)
      return group && toSecurityGroup(group, ref.region)
    },
    create: (request) => create(aws, request),
    setRules: (ref, rules) => setRules(aws, ref, rules),
    delete: (ref) => deleteSecurityGroup(aws, ref),
  }
}

/** Safe to repeat; in use throws `conflict`. */
export async function deleteSecurityGroup(aws: AwsClients, { region, id }: CloudRef): Promise<void> {
  try {
    await aws.ec2(region, 'DeleteSecurityGroup', (ec2, http) =>
      ec2.deleteSecurityGroup({ GroupId: id }, http),
    )
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

/** CreateSecurityGroup takes no token, but a name is unique in its VPC: one that is taken by our own tag is ours. */
async function create(
  aws: AwsClients,
  request: Parameters<NetworksFacet['securityGroups']['create']>[0],
): Promise<CloudRef> {
  const { region, token, network, name, description, rules } = request
  // Refuses what is no range before anything is made.
  permitsFor(rules)
  const find = async () => {
    const found: string[] = []
    const query = { Filters: tagFilters({ [tokenTag]: token }) }
    for await (const { GroupId } of describeSecurityGroups(aws, region, query)) {
      if (GroupId !== undefined) found.push(GroupId)
    }
    return found
  }
  const group = await madeOnce(aws, {
    region,
    operation: 'CreateSecurityGroup',
    find,
    create: async () => {
      try {
        const { GroupId } = await onceKnown(aws, () =>
          aws.ec2Once(region, 'CreateSecurityGroup', (ec2, http) =>
            ec2.createSecurityGroup(
              {
                GroupName: name,
                // EC2 demands one.
                Description: description === '' ? name : description,
                ...present('VpcId', network?.id),
                TagSpecifications: [
                  { ResourceType: 'security-group' as const, Tags: intentTags(request, name) },
                ],
              },
              http,
            ),
          ),
        )
        return GroupId
      } catch (error) {
        if (!(error instanceof CloudError && error.vendorCode === 'InvalidGroup.Duplicate')) throw error
        const own = await waitFor(async () => (await find())[0], bounds(aws))
        if (own === undefined) throw error
        return own
      }
    },
    remove: (twin) => deleteSecurityGroup(aws, twin),
  })
  await setRules(aws, group, rules)
  return group
}
