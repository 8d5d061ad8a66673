import type { DescribeInternetGatewaysRequest, InternetGateway } from '@aws-sdk/client-ec2'
import type { CloudRef, Intent } from '#shared/clouds/port.ts'
import { CloudError, isNotFound } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { madeOnce } from '#shared/clouds/aws/made-once.ts'
import { intentTags, tagFilters, tokenTag } from '#shared/clouds/aws/mapping.ts'
import { pages } from '#shared/clouds/aws/paging.ts'
import { bounds, onceKnown, waitFor } from '#shared/clouds/aws/waiting.ts'

/** An internet gateway of the same intent, attached to the VPC, and the way to it in the VPC's main route table. Safe to repeat. */
export async function ensureInternetRoute(
  aws: AwsClients,
  vpc: CloudRef,
  intent: Intent & { name: string },
): Promise<void> {
  const { region, id: VpcId } = vpc
  const gateway = await madeOnce(aws, {
    region,
    operation: 'CreateInternetGateway',
    find: async () =>
      (await withToken(aws, region, intent.token)).flatMap((each) => each.InternetGatewayId ?? []),
    create: async () => {
      const { InternetGateway: made } = await aws.ec2Once(region, 'CreateInternetGateway', (ec2, http) =>
        ec2.createInternetGateway(
          {
            TagSpecifications: [
              { ResourceType: 'internet-gateway' as const, Tags: intentTags(intent, intent.name) },
            ],
          },
          http,
        ),
      )
      return made?.InternetGatewayId
    },
    remove: (twin) => deleteGateway(aws, twin),
  })
  await unlessDone('Resource.AlreadyAssociated', () =>
    onceKnown(aws, () =>
      aws.ec2(region, 'AttachInternetGateway', (ec2, http) =>
        ec2.attachInternetGateway({ InternetGatewayId: gateway.id, VpcId }, http),
      ),
    ),
  )
  const RouteTableId = await mainRouteTable(aws, vpc)
  await unlessDone('RouteAlreadyExists', () =>
    onceKnown(aws, () =>
      aws.ec2(region, 'CreateRoute', (ec2, http) =>
        ec2.createRoute({ RouteTableId, GatewayId: gateway.id, DestinationCidrBlock: '0.0.0.0/0' }, http),
      ),
    ),
  )
}

/** Takes away the gateways of an intent. */
export async function deleteGateways(aws: AwsClients, region: string, token: string): Promise<void> {
  for (const { InternetGatewayId: id } of await withToken(aws, region, token)) {
    if (id !== undefined) await deleteGateway(aws, { region, id })
  }
}

/** Detaches a gateway and deletes it. Gone already is fine. */
export async function deleteGateway(aws: AwsClients, { region, id }: CloudRef): Promise<void> {
  const [gateway] = await describeGateways(aws, region, {
    Filters: [{ Name: 'internet-gateway-id', Values: [id] }],
  })
  for (const { VpcId } of gateway?.Attachments ?? []) {
    await unlessDone('Gateway.NotAttached', () =>
      aws.ec2(region, 'DetachInternetGateway', (ec2, http) =>
        ec2.detachInternetGateway({ InternetGatewayId: id, VpcId }, http),
      ),
    )
  }
  try {
    await aws.ec2(region, 'DeleteInternetGateway', (ec2, http) =>
      ec2.deleteInternetGateway({ InternetGatewayId: id }, http),
    )
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

export async function describeGateways(
  aws: AwsClients,
  region: string,
  query: DescribeInternetGatewaysRequest,
): Promise<InternetGateway[]> {
  const found: InternetGateway[] = []
  const all = pages((token) =>
    aws.ec2(region, 'DescribeInternetGateways', (ec2, http) =>
      ec2.describeInternetGateways({ ...query, MaxResults: 500, ...token }, http),
    ),
  )
  for await (const { InternetGateways = [] } of all) found.push(...InternetGateways)
  return found
}

const withToken = (aws: AwsClients, region: string, token: string) =>
  describeGateways(aws, region, { Filters: tagFilters({ [tokenTag]: token }) })

/** Every VPC has one from its beginning; a new one's may not be listed yet. */
async function mainRouteTable(aws: AwsClients, { region, id }: CloudRef): Promise<string> {
  const Filters = [
    { Name: 'vpc-id', Values: [id] },
    { Name: 'association.main', Values: ['true'] },
  ]
  const found = await waitFor(async () => {
    const { RouteTables = [] } = await aws.ec2(region, 'DescribeRouteTables', (ec2, http) =>
      ec2.describeRouteTables({ Filters }, http),
    )
    return RouteTables[0]?.RouteTableId
  }, bounds(aws))
  if (found !== undefined) return found
  throw new CloudError(`AWS lists no main route table of ${id} yet.`, {
    cloud: 'aws',
    operation: 'DescribeRouteTables',
    code: 'unavailable',
    kind: 'retryable',
    remedy: 'It is tried again.',
  })
}

/** Runs a call that is refused with `vendorCode` where an earlier one had its effect already. */
async function unlessDone(vendorCode: string, call: () => Promise<unknown>): Promise<void> {
  try {
    await call()
  } catch (error) {
    if (!(error instanceof CloudError && error.vendorCode === vendorCode)) throw error
  }
}
