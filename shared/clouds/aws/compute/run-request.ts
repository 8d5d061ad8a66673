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

/** Ids and, as in consoles and old scripts, names. EC2 takes names only for the default VPC: with a subnet they are looked up in its VPC. */
async function securityGroups(
  aws: AwsClients,
  { securityGroups: given = [], region }: CreateVm,
  subnetId: string | undefined,
): Promise<Pick<RunInstancesRequest, 'SecurityGroupIds' | 'SecurityGroups'>> {
  const { ids = [], names = [] } = Object.groupBy(given, (group) =>
    group.startsWith('sg-') ? 'ids' : 'names',
  )
  if (names.length > 0 && subnetId !== undefined) {
    const found = await idsOfGroups(aws, region, { names, subnetId })
    return { SecurityGroupIds: [...ids, ...found] }
  }
  return {
    ...(ids.length === 0 ? {} : { SecurityGroupIds: ids }),
    ...(names.length === 0 ? {} : { SecurityGroups: names }),
  }
}

async function idsOfGroups(
  aws: AwsClients,
  region: string,
  { names, subnetId }: { names: string[]; subnetId: string },
): Promise<string[]> {
  const subnet = await findSubnet(aws, { region, id: subnetId })
  const Filters = [
    { Name: 'vpc-id', Values: [subnet?.VpcId ?? ''] },
    { Name: 'group-name', Values: names.map(literal) },
  ]
  const byName = new Map<string, string>()
  for await (const { GroupName, GroupId } of describeSecurityGroups(aws, region, { Filters })) {
    if (GroupName !== undefined && GroupId !== undefined) byName.set(GroupName, GroupId)
  }
  const missing = names.filter((name) => !byName.has(name))
  if (missing.length === 0) return names.flatMap((name) => byName.get(name) ?? [])
  throw new CloudError(`The VPC of subnet ${subnetId} has no security group ${missing.join(', ')}.`, {
    cloud: 'aws',
    operation: 'RunInstances',
    code: 'not_found',
    kind: 'permanent',
    remedy: 'Name security groups of the subnet’s own VPC, by id or by name.',
  })
}
