import type { DescribeInstancesRequest, Instance } from '@aws-sdk/client-ec2'
import type { CloudRef, CloudVm } from '#shared/clouds/port.ts'
import { isNotFound } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { gibibyte, toVm } from '#shared/clouds/aws/mapping.ts'
import { pages } from '#shared/clouds/aws/paging.ts'

/** The instance as EC2 describes it, or undefined if it is not known (any more, or yet). */
export async function findInstance(aws: AwsClients, { region, id }: CloudRef): Promise<Instance | undefined> {
  try {
    for await (const instance of describeInstances(aws, region, { InstanceIds: [id] })) return instance
    return undefined
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** The instance that an earlier RunInstances with this token made, also if its reply never arrived. */
export async function findByToken(
  aws: AwsClients,
  region: string,
  token: string,
): Promise<Instance | undefined> {
  const query = { Filters: [{ Name: 'client-token', Values: [token] }] }
  for await (const instance of describeInstances(aws, region, query)) return instance
  return undefined
}

export async function* describeInstances(
  aws: AwsClients,
  region: string,
  query: DescribeInstancesRequest,
): AsyncGenerator<Instance> {
  for await (const page of instancePages(aws, region, query)) yield* page
}

/** Instances as VMs, with the sizes of their disks: one more call per page. */
export async function* describeVms(
  aws: AwsClients,
  region: string,
  query: DescribeInstancesRequest,
): AsyncGenerator<CloudVm> {
  for await (const page of instancePages(aws, region, query)) {
    const sizes = await volumeSizes(aws, region, page)
    for (const instance of page) yield toVm(instance, region, sizes)
  }
}

export async function withDisks(aws: AwsClients, region: string, instance: Instance): Promise<CloudVm> {
  return toVm(instance, region, await volumeSizes(aws, region, [instance]))
}

async function* instancePages(
  aws: AwsClients,
  region: string,
  query: DescribeInstancesRequest,
): AsyncGenerator<Instance[]> {
  // EC2 refuses a page size together with ids.
  const size = query.InstanceIds === undefined ? { MaxResults: pageSize } : {}
  const all = pages((token) =>
    aws.ec2(region, 'DescribeInstances', (ec2, http) =>
      ec2.describeInstances({ ...query, ...size, ...token }, http),
    ),
  )
  for await (const { Reservations = [] } of all) {
    yield Reservations.flatMap((reservation) => reservation.Instances ?? [])
  }
}

const pageSize = 200
/** The most that EC2 takes. A page may hold more instances than asked for, as reservations are not split. */
const valuesPerFilter = 200

async function volumeSizes(aws: AwsClients, region: string, instances: readonly Instance[]) {
  const sizes = new Map<string, number>()
  const ids = instances
    .filter((instance) => (instance.BlockDeviceMappings?.length ?? 0) > 0)
    .flatMap((instance) => instance.InstanceId ?? [])
  for (let start = 0; start < ids.length; start += valuesPerFilter) {
    await addSizes(aws, region, ids.slice(start, start + valuesPerFilter), sizes)
  }
  return sizes
}

async function addSizes(aws: AwsClients, region: string, ids: string[], sizes: Map<string, number>) {
  const Filters = [{ Name: 'attachment.instance-id', Values: ids }]
  const all = pages((token) =>
    aws.ec2(region, 'DescribeVolumes', (ec2, http) =>
      ec2.describeVolumes({ Filters, MaxResults: 500, ...token }, http),
    ),
  )
  for await (const { Volumes = [] } of all) {
    for (const { VolumeId = '', Size = 0 } of Volumes) sizes.set(VolumeId, Size * gibibyte)
  }
}
