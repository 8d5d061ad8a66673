import type { Subnet, Vpc } from '@aws-sdk/client-ec2'
import type { CloudNetwork, CloudRef, NetworksFacet } from '#shared/clouds/port.ts'
import { CloudError, isNotFound } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { madeOnce } from '#shared/clouds/aws/made-once.ts'
import { intentTags, tagFilters, tokenTag, toTags } from '#shared/clouds/aws/mapping.ts'
import {
  describeSecurityGroups,
  describeSubnets,
  describeVpcs,
  findVpc,
} from '#shared/clouds/aws/networks/describe.ts'
import { deleteGateways, ensureInternetRoute } from '#shared/clouds/aws/networks/gateways.ts'
import { toNetwork } from '#shared/clouds/aws/networks/mapping.ts'
import { bounds, onceKnown, waitFor } from '#shared/clouds/aws/waiting.ts'

export async function* listVpcs(aws: AwsClients, region: string): AsyncGenerator<CloudNetwork> {
  const subnets = new Map<string, Subnet[]>()
  for await (const subnet of describeSubnets(aws, region, {})) {
    const of = subnets.get(subnet.VpcId ?? '') ?? []
    of.push(subnet)
    subnets.set(subnet.VpcId ?? '', of)
  }
  for await (const vpc of describeVpcs(aws, region, {})) {
    yield toNetwork(vpc, region, subnets.get(vpc.VpcId ?? '') ?? [])
  }
}

export async function getVpc(aws: AwsClients, ref: CloudRef): Promise<CloudNetwork | undefined> {
  const vpc = await findVpc(aws, ref)
  return vpc && toNetwork(vpc, ref.region, await subnetsIn(aws, ref))
}

/**
 * A VPC whose main route table leads to an internet gateway of its own: CreateVpc, CreateInternetGateway, AttachInternetGateway, CreateRoute. None of
 * them takes a token; each is looked for before it is made, so that a call that died anywhere is gone on with when it is repeated.
 */
export async function createVpc(
  aws: AwsClients,
  request: Parameters<NetworksFacet['create']>[0],
): Promise<CloudRef> {
  const { region, token, cidr } = request
  const vpc = await madeOnce(aws, {
    region,
    operation: 'CreateVpc',
    find: async () => {
      const found: string[] = []
      for await (const { VpcId } of describeVpcs(aws, region, {
        Filters: tagFilters({ [tokenTag]: token }),
      })) {
        if (VpcId !== undefined) found.push(VpcId)
      }
      return found
    },
    create: async () => {
      const { Vpc: made } = await aws.ec2Once(region, 'CreateVpc', (ec2, http) =>
        ec2.createVpc(
          {
            CidrBlock: cidr,
            TagSpecifications: [{ ResourceType: 'vpc' as const, Tags: intentTags(request, request.name) }],
          },
          http,
        ),
      )
      return made?.VpcId
    },
    remove: (twin) => removeVpc(aws, twin),
  })
  await ensureInternetRoute(aws, vpc, request)
  await untilAvailable(aws, vpc)
  return vpc
}

/**
 * Takes away the gateway that was made with it, then the VPC; its main route table goes with it. What still has subnets or security groups is refused
 * before anything is done: without its gateway it would be cut off.
 */
export async function deleteVpc(aws: AwsClients, ref: CloudRef): Promise<void> {
  const vpc = await findVpc(aws, ref)
  if (vpc === undefined) return
  await checkEmpty(aws, ref)
  const token = toTags(vpc.Tags)[tokenTag]
  if (token !== undefined) await deleteGateways(aws, ref.region, token)
  await removeVpc(aws, ref)
}

async function checkEmpty(aws: AwsClients, ref: CloudRef): Promise<void> {
  const subnets = (await subnetsIn(aws, ref)).flatMap(({ SubnetId }) => SubnetId ?? [])
  const groups: string[] = []
  for await (const { GroupId, GroupName } of describeSecurityGroups(aws, ref.region, inVpc(ref))) {
    if (GroupId !== undefined && GroupName !== 'default') groups.push(GroupId)
  }
  const inside = [...subnets, ...groups]
  if (inside.length === 0) return
  throw new CloudError(`AWS network ${ref.id} still holds ${inside.join(', ')}.`, {
    cloud: 'aws',
    operation: 'DeleteVpc',
    code: 'conflict',
    kind: 'retryable',
    remedy: 'Delete its subnets and security groups first.',
    details: { region: ref.region, inside },
  })
}

async function removeVpc(aws: AwsClients, { region, id }: CloudRef): Promise<void> {
  try {
    await aws.ec2(region, 'DeleteVpc', (ec2, http) => ec2.deleteVpc({ VpcId: id }, http))
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

async function untilAvailable(aws: AwsClients, ref: CloudRef): Promise<void> {
  await waitFor(async (): Promise<Vpc | undefined> => {
    const vpc = await onceKnown(aws, () => findVpc(aws, ref))
    return vpc?.State === 'available' ? vpc : undefined
  }, bounds(aws))
}

async function subnetsIn(aws: AwsClients, ref: CloudRef): Promise<Subnet[]> {
  const found: Subnet[] = []
  for await (const subnet of describeSubnets(aws, ref.region, inVpc(ref))) found.push(subnet)
  return found
}

const inVpc = ({ id }: CloudRef) => ({ Filters: [{ Name: 'vpc-id', Values: [id] }] })
