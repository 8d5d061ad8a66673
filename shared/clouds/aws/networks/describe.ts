import type {
  DescribeSecurityGroupsRequest,
  DescribeSubnetsRequest,
  DescribeVpcsRequest,
  SecurityGroup,
  Subnet,
  Vpc,
} from '@aws-sdk/client-ec2'
import type { CloudRef } from '#shared/clouds/port.ts'
import { isNotFound } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { pages } from '#shared/clouds/aws/paging.ts'

// EC2 refuses a page size together with ids: all of these take it only for listings.

export async function* describeVpcs(
  aws: AwsClients,
  region: string,
  query: DescribeVpcsRequest,
): AsyncGenerator<Vpc> {
  const size = query.VpcIds === undefined ? { MaxResults: 500 } : {}
  const all = pages((token) =>
    aws.ec2(region, 'DescribeVpcs', (ec2, http) => ec2.describeVpcs({ ...query, ...size, ...token }, http)),
  )
  for await (const { Vpcs = [] } of all) yield* Vpcs
}

export async function* describeSubnets(
  aws: AwsClients,
  region: string,
  query: DescribeSubnetsRequest,
): AsyncGenerator<Subnet> {
  const size = query.SubnetIds === undefined ? { MaxResults: 500 } : {}
  const all = pages((token) =>
    aws.ec2(region, 'DescribeSubnets', (ec2, http) =>
      ec2.describeSubnets({ ...query, ...size, ...token }, http),
    ),
  )
  for await (const { Subnets = [] } of all) yield* Subnets
}

export async function* describeSecurityGroups(
  aws: AwsClients,
  region: string,
  query: DescribeSecurityGroupsRequest,
): AsyncGenerator<SecurityGroup> {
  const size = query.GroupIds === undefined ? { MaxResults: 500 } : {}
  const all = pages((token) =>
    aws.ec2(region, 'DescribeSecurityGroups', (ec2, http) =>
      ec2.describeSecurityGroups({ ...query, ...size, ...token }, http),
    ),
  )
  for await (const { SecurityGroups = [] } of all) yield* SecurityGroups
}

export const findVpc = (aws: AwsClients, { region, id }: CloudRef): Promise<Vpc | undefined> =>
  firstKnown(describeVpcs(aws, region, { VpcIds: [id] }))

export const findSubnet = (aws: AwsClients, { region, id }: CloudRef): Promise<Subnet | undefined> =>
  firstKnown(describeSubnets(aws, region, { SubnetIds: [id] }))

export const findSecurityGroup = (
  aws: AwsClients,
  { region, id }: CloudRef,
): Promise<SecurityGroup | undefined> => firstKnown(describeSecurityGroups(aws, region, { GroupIds: [id] }))

async function firstKnown<T>(listing: AsyncIterable<T>): Promise<T | undefined> {
  try {
    for await (const each of listing) return each
    return undefined
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}
