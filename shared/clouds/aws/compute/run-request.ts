import type {
  _InstanceType,
  BlockDeviceMapping,
  Image,
  RunInstancesRequest,
  VolumeType,
} from '@aws-sdk/client-ec2'
import type { CreateVm, Encryption } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { intentTags, literal } from '#shared/clouds/aws/mapping.ts'
import { describeSecurityGroups } from '#shared/clouds/aws/networks/describe.ts'
import { findSubnet } from '#shared/clouds/aws/networks/describe.ts'

/** RunInstances for a wish, without what depends on the image. */
export async function describeRun(aws: AwsClients, request: CreateVm): Promise<RunInstancesRequest> {
  const { keyPair, userData, spot, detailedMonitoring } = request
  const SubnetId = request.subnet ?? aws.settings.options.subnet_id
  const Tags = intentTags(request, request.name)
  return {
    MinCount: 1,
    MaxCount: 1,
    ClientToken: request.token,
    InstanceType: request.instanceType as _InstanceType,
    TagSpecifications: (['instance', 'volume', 'network-interface'] as const).map((ResourceType) => ({
      ResourceType,
      Tags,
    })),
    ...placement(request),
    ...(SubnetId === undefined ? {} : { SubnetId }),
    ...(keyPair === undefined ? {} : { KeyName: keyPair }),
    ...(await securityGroups(aws, request, SubnetId)),
    ...(userData === undefined ? {} : { UserData: Buffer.from(userData).toString('base64') }),
    ...(spot === undefined ? {} : { InstanceMarketOptions: spotMarket(spot) }),
    ...(detailedMonitoring === undefined ? {} : { Monitoring: { Enabled: detailedMonitoring } }),
  }
}

/** The disks of the image as the wish wants them. Empty if it wants nothing of them. */
export function diskMappings(
  image: Image,
  {
    encryption,
    rootGib,
    volumeType,
  }: { encryption: Encryption | undefined; rootGib?: number | undefined; volumeType?: VolumeType },
): Pick<RunInstancesRequest, 'BlockDeviceMappings'> {
  const encrypted =
    encryption === undefined
      ? {}
      : { Encrypted: true, ...(encryption.keyId === undefined ? {} : { KmsKeyId: encryption.keyId }) }
  const mappings = (image.BlockDeviceMappings ?? [])
    .filter(
      ({ Ebs, DeviceName }) =>
        Ebs !== undefined && (encryption !== undefined || DeviceName === image.RootDeviceName),
    )
    .map(({ DeviceName }): BlockDeviceMapping => {
      const root = DeviceName === image.RootDeviceName
      return {
        DeviceName,
        Ebs: {
          ...encrypted,
          ...(root && volumeType !== undefined ? { VolumeType: volumeType, DeleteOnTermination: true } : {}),
          ...(root && rootGib !== undefined ? { VolumeSize: rootGib } : {}),
        },
      }
    })
    .filter(({ Ebs }) => Object.keys(Ebs ?? {}).length > 0)
  return mappings.length === 0 ? {} : { BlockDeviceMappings: mappings }
}

function placement({ zone, tenancy, placementGroup }: CreateVm): Pick<RunInstancesRequest, 'Placement'> {
  const wish = {
    ...(zone === undefined ? {} : { AvailabilityZone: zone }),
    ...(tenancy === 'dedicated' ? { Tenancy: 'dedicated' as const } : {}),
    ...(placementGroup === undefined ? {} : { GroupName: placementGroup }),
  }
  return Object.keys(wish).length === 0 ? {} : { Placement: wish }
}

/** One-time: a persistent request would launch a second instance after an interruption, which no job has asked for. */
const spotMarket = ({ maxHourlyPrice }: { maxHourlyPrice?: string }) => ({
  MarketType: 'spot' as const,
  SpotOptions: {
    SpotInstanceType: 'one-time' as const,
    InstanceInterruptionBehavior: 'terminate' as const,
    ...(maxHourlyPrice === undefined ? {} : { MaxPrice: maxHourlyPrice }),
  },
})

/**
 * Ids and, as in consoles and old scripts, names. EC2 takes names only for the default VPC: with a subnet they are looked up in its VPC. All are looked
 * up, so that one which is not there is refused before an image is made of written disks.
 */
async function securityGroups(
  aws: AwsClients,
  { securityGroups: given = [], region }: CreateVm,
  subnetId: string | undefined,
): Promise<Pick<RunInstancesRequest, 'SecurityGroupIds' | 'SecurityGroups'>> {
  const { ids = [], names = [] } = Object.groupBy(given, (group) =>
    group.startsWith('sg-') ? 'ids' : 'names',
  )
  await requireIds(aws, region, ids)
  if (names.length === 0) return ids.length === 0 ? {} : { SecurityGroupIds: ids }
  const found = await idsOfNames(aws, region, { names, subnetId })
  if (subnetId !== undefined) return { SecurityGroupIds: [...ids, ...found] }
  return { ...(ids.length === 0 ? {} : { SecurityGroupIds: ids }), SecurityGroups: names }
}

async function requireIds(aws: AwsClients, region: string, ids: string[]): Promise<void> {
  if (ids.length === 0) return
  const Filters = [{ Name: 'group-id', Values: ids.map(literal) }]
  const found = await Array.fromAsync(describeSecurityGroups(aws, region, { Filters }))
  const missing = ids.filter((id) => !found.some(({ GroupId }) => GroupId === id))
  if (missing.length > 0) throw noGroup(`there is no security group ${missing.join(', ')} in ${region}.`)
}

/** The ids of groups by name: in the subnet's VPC; without a subnet in any, and EC2 tells whether in the default one. */
async function idsOfNames(
  aws: AwsClients,
  region: string,
  { names, subnetId }: { names: string[]; subnetId: string | undefined },
): Promise<string[]> {
  const subnet = subnetId === undefined ? undefined : await findSubnet(aws, { region, id: subnetId })
  const Filters = [
    ...(subnetId === undefined ? [] : [{ Name: 'vpc-id', Values: [subnet?.VpcId ?? ''] }]),
    { Name: 'group-name', Values: names.map(literal) },
  ]
  const byName = new Map<string, string>()
  for await (const { GroupName, GroupId } of describeSecurityGroups(aws, region, { Filters })) {
    if (GroupName !== undefined && GroupId !== undefined) byName.set(GroupName, GroupId)
  }
  const missing = names.filter((name) => !byName.has(name))
  if (missing.length === 0) return names.flatMap((name) => byName.get(name) ?? [])
  const where = subnetId === undefined ? region : `the VPC of subnet ${subnetId}`
  throw noGroup(`there is no security group ${missing.join(', ')} in ${where}.`)
}

const noGroup = (what: string): CloudError =>
  new CloudError(`security_groups: ${what}`, {
    cloud: 'aws',
    operation: 'DescribeSecurityGroups',
    code: 'not_found',
    remedy: 'Create it first, or name security groups of the VM’s own VPC, by id or by name.',
    details: { field: 'security_groups' },
  })
