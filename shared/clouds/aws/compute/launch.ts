import type { _InstanceType, Instance, RunInstancesRequest } from '@aws-sdk/client-ec2'
import type { CloudVm, CreateVm } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { ensureImage, findImage, releaseImage } from '#shared/clouds/aws/compute/images.ts'
import { findByToken, findInstance, withDisks } from '#shared/clouds/aws/compute/instances.ts'
import { intentTags } from '#shared/clouds/aws/mapping.ts'
import { eraseSnapshot } from '#shared/clouds/aws/disks/snapshots.ts'
import { waitFor } from '#shared/clouds/aws/waiting.ts'

/**
 * Makes the VM of an intent, or finds it. From imported disks it takes three things: an image of the snapshots, the instance, and, once the
 * instance has left `pending`, the removal of the image and the snapshots. The last happens when the same intent is given again then, so:
 * create, wait until `get` says running, create again. Each of the three may be repeated after a crash at any instant.
 */
export async function launch(aws: AwsClients, request: CreateVm): Promise<CloudVm> {
  const { region, token } = request
  const instance = (await findByToken(aws, region, token)) ?? (await run(aws, request))
  if (instance.State?.Name === 'running' || instance.State?.Name === 'stopped')
    await releaseDisks(aws, request)
  return withDisks(aws, region, instance)
}

async function run(aws: AwsClients, request: CreateVm): Promise<Instance> {
  const { region, token } = request
  const image = await imageOf(aws, request)
  try {
    const { Instances = [] } = await aws.ec2(region, 'RunInstances', (ec2, http) =>
      ec2.runInstances({ ...describeRun(aws, request), ...image }, http),
    )
    const id = Instances[0]?.InstanceId ?? ''
    return (await waitFor(() => findInstance(aws, { region, id }), bounds(aws))) ?? (Instances[0] as Instance)
  } catch (error) {
    if (!(error instanceof CloudError && error.vendorCode === 'IdempotentParameterMismatch')) throw error
    // The first call was made, with another image (a newer Ubuntu has come out since); its instance is the one.
    const earlier = await waitFor(() => findByToken(aws, region, token), bounds(aws))
    if (earlier) return earlier
    throw error
  }
}

/** What depends on where the disks come from. */
async function imageOf(
  aws: AwsClients,
  request: CreateVm,
): Promise<Pick<RunInstancesRequest, 'ImageId' | 'BlockDeviceMappings'>> {
  const { boot } = request
  if ('disks' in boot) {
    const { ImageId } = await ensureImage(aws, { ...request, boot })
    return { ImageId }
  }
  const image = await findImage(aws, { ...request, image: boot.image })
  const root = {
    DeviceName: image.RootDeviceName,
    Ebs: {
      VolumeType: 'gp3' as const,
      DeleteOnTermination: true,
      ...(boot.diskGib === undefined ? {} : { VolumeSize: boot.diskGib }),
    },
  }
  return { ImageId: image.ImageId, BlockDeviceMappings: [root] }
}

function describeRun(aws: AwsClients, request: CreateVm): RunInstancesRequest {
  const { zone, keyPair, userData } = request
  const { subnet_id: SubnetId } = aws.settings.options
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
    ...(zone === undefined ? {} : { Placement: { AvailabilityZone: zone } }),
    ...(SubnetId === undefined ? {} : { SubnetId }),
    ...(keyPair === undefined ? {} : { KeyName: keyPair }),
    ...securityGroups(request),
    ...(userData === undefined ? {} : { UserData: Buffer.from(userData).toString('base64') }),
  }
}

/** Ids and, as in consoles and old scripts, names. */
function securityGroups({
  securityGroups: given = [],
}: CreateVm): Pick<RunInstancesRequest, 'SecurityGroupIds' | 'SecurityGroups'> {
  const { ids = [], names = [] } = Object.groupBy(given, (group) =>
    group.startsWith('sg-') ? 'ids' : 'names',
  )
  return {
    ...(ids.length === 0 ? {} : { SecurityGroupIds: ids }),
    ...(names.length === 0 ? {} : { SecurityGroups: names }),
  }
}

/** The volumes have their own copy by now: the image and the snapshots it was made of only cost money. */
async function releaseDisks(aws: AwsClients, { region, token, boot }: CreateVm): Promise<void> {
  if (!('disks' in boot)) return
  await releaseImage(aws, region, token)
  for (const disk of boot.disks) await eraseSnapshot(aws, disk)
}

const bounds = ({ settings: { options } }: AwsClients) => ({
  forMs: options.consistency_ms,
  pollMs: options.poll_ms,
})
