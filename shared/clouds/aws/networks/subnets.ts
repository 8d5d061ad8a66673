import type { Subnet } from '@aws-sdk/client-ec2'
import type { CloudRef, NetworksFacet } from '#shared/clouds/port.ts'
import { CloudError, isNotFound } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { madeOnce } from '#shared/clouds/aws/made-once.ts'
import { intentTags, present, tagFilters, tokenTag } from '#shared/clouds/aws/mapping.ts'
import { describeSubnets, findSubnet } from '#shared/clouds/aws/networks/describe.ts'
import { bounds, onceKnown, waitFor } from '#shared/clouds/aws/waiting.ts'

/**
 * A subnet that gives its VMs public addresses, so that they reach the internet by the VPC's gateway: CreateSubnet, ModifySubnetAttribute.
 * An overlap with another subnet is refused by EC2 (`InvalidSubnet.Conflict`), unless it is our own from an earlier call.
 */
export async function createSubnet(
  aws: AwsClients,
  request: Parameters<NetworksFacet['subnets']['create']>[0],
): Promise<CloudRef> {
  const { network, token, cidr, zone } = request
  const { region } = network
  const find = async () => (await withToken(aws, region, token)).flatMap(({ SubnetId }) => SubnetId ?? [])
  const subnet = await madeOnce(aws, {
    region,
    operation: 'CreateSubnet',
    find,
    create: async () => {
      try {
        const { Subnet: made } = await onceKnown(aws, () =>
          aws.ec2Once(region, 'CreateSubnet', (ec2, http) =>
            ec2.createSubnet(
              {
                VpcId: network.id,
                CidrBlock: cidr,
                ...present('AvailabilityZone', zone),
                TagSpecifications: [
                  { ResourceType: 'subnet' as const, Tags: intentTags(request, request.name) },
                ],
              },
              http,
            ),
          ),
        )
        return made?.SubnetId
      } catch (error) {
        if (!(error instanceof CloudError && error.vendorCode === 'InvalidSubnet.Conflict')) throw error
        const own = await waitFor(async () => (await find())[0], bounds(aws))
        if (own === undefined) throw error
        return own
      }
    },
    remove: (twin) => deleteSubnet(aws, twin),
  })
  await givePublicAddresses(aws, subnet)
  return subnet
}

/** Safe to repeat; with something in it EC2 refuses with `DependencyViolation`, a `conflict`. */
export async function deleteSubnet(aws: AwsClients, { region, id }: CloudRef): Promise<void> {
  try {
    await aws.ec2(region, 'DeleteSubnet', (ec2, http) => ec2.deleteSubnet({ SubnetId: id }, http))
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

async function givePublicAddresses(aws: AwsClients, ref: CloudRef): Promise<void> {
  const subnet = await waitFor(async () => {
    const known = await findSubnet(aws, ref)
    return known?.State === 'available' ? known : undefined
  }, bounds(aws))
  if (subnet?.MapPublicIpOnLaunch === true) return
  await onceKnown(aws, () =>
    aws.ec2(ref.region, 'ModifySubnetAttribute', (ec2, http) =>
      ec2.modifySubnetAttribute({ SubnetId: ref.id, MapPublicIpOnLaunch: { Value: true } }, http),
    ),
  )
}

async function withToken(aws: AwsClients, region: string, token: string): Promise<Subnet[]> {
  const found: Subnet[] = []
  const query = { Filters: tagFilters({ [tokenTag]: token }) }
  for await (const subnet of describeSubnets(aws, region, query)) found.push(subnet)
  return found
}
