import type { Instance, Volume } from '@aws-sdk/client-ec2'
import type { PostureResource } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { describeInstances } from '#shared/clouds/aws/compute/instances.ts'
import { describeSnapshots } from '#shared/clouds/aws/disks/snapshots.ts'
import { listImages } from '#shared/clouds/aws/images/describe.ts'
import { present, toTags } from '#shared/clouds/aws/mapping.ts'
import { mapParallel } from '#shared/clouds/aws/parallel.ts'
import { createKeyLookup } from '#shared/clouds/aws/posture/keys.ts'
import { describeVolumes } from '#shared/clouds/aws/volumes/describe.ts'

/** Instances, volumes, snapshots and images as checks read them. */
export async function* machinePosture(aws: AwsClients, region: string): AsyncGenerator<PostureResource> {
  const isCustomerKey = createKeyLookup(aws, region)
  const volumes = new Map<string, Volume>()
  for await (const volume of describeVolumes(aws, region, {})) volumes.set(volume.VolumeId ?? '', volume)

  const alive = { Name: 'instance-state-name', Values: ['pending', 'running', 'stopping', 'stopped'] }
  const instances = describeInstances(aws, region, { Filters: [alive] })
  yield* mapParallel(instances, attributesAtOnce, async (instance) => vmOf(aws, region, instance, volumes))

  for (const [id, { Encrypted = false, KmsKeyId, Attachments = [], Tags }] of volumes) {
    const customerKey = await isCustomerKey(KmsKeyId)
    yield {
      ...known(region, id, Tags),
      kind: 'disk',
      encrypted: Encrypted,
      customerKey,
      attached: Attachments.length > 0,
    }
  }

  const shared = new Set<string>()
  const toEverybody = { OwnerIds: ['self'], RestorableByUserIds: ['all'] }
  for await (const { SnapshotId = '' } of describeSnapshots(aws, region, toEverybody)) shared.add(SnapshotId)
  for await (const snapshot of describeSnapshots(aws, region, { OwnerIds: ['self'] })) {
    const id = snapshot.SnapshotId ?? ''
    yield {
      ...known(region, id, snapshot.Tags),
      kind: 'snapshot',
      encrypted: snapshot.Encrypted ?? false,
      customerKey: await isCustomerKey(snapshot.KmsKeyId),
      public: shared.has(id),
      ...present('createdAt', snapshot.StartTime),
    }
  }

  for await (const image of listImages(aws, region, { Owners: ['self'] })) {
    const disks = (image.BlockDeviceMappings ?? []).flatMap(({ Ebs }) => Ebs?.Encrypted ?? [])
    yield {
      ...known(region, image.ImageId ?? '', image.Tags),
      kind: 'image',
      public: image.Public ?? false,
      ...(disks.length === 0 ? {} : { encrypted: disks.every(Boolean) }),
    }
  }
}

/** What every resource has. */
export function known(region: string, id: string, list: Parameters<typeof toTags>[0]) {
  const tags = toTags(list)
  return { region, id, name: tags['Name'] ?? id, tags }
}

async function vmOf(
  aws: AwsClients,
  region: string,
  instance: Instance,
  volumes: ReadonlyMap<string, Volume>,
): Promise<PostureResource> {
  const id = instance.InstanceId ?? ''
  const disks = (instance.BlockDeviceMappings ?? []).flatMap(
    ({ Ebs }) => volumes.get(Ebs?.VolumeId ?? '') ?? [],
  )
  const { HttpTokens, HttpEndpoint } = instance.MetadataOptions ?? {}
  return {
    ...known(region, id, instance.Tags),
    kind: 'vm',
    running: instance.State?.Name === 'running',
    publicIp: instance.PublicIpAddress !== undefined,
    securityGroups: (instance.SecurityGroups ?? []).flatMap(({ GroupId }) => GroupId ?? []),
    ...(disks.length === 0 ? {} : { disksEncrypted: disks.every(({ Encrypted }) => Encrypted === true) }),
    ...present(
      'metadataProtected',
      HttpEndpoint === 'disabled' ? true : HttpTokens === undefined ? undefined : HttpTokens === 'required',
    ),
    virtualTpm: instance.TpmSupport !== undefined && instance.TpmSupport !== '',
    detailedMonitoring: ['enabled', 'pending'].includes(instance.Monitoring?.State ?? ''),
    ...present('identity', instance.IamInstanceProfile?.Arn),
    ...present('deletionProtected', await isProtected(aws, region, id)),
  }
}

async function isProtected(
  aws: AwsClients,
  region: string,
  InstanceId: string,
): Promise<boolean | undefined> {
  const { DisableApiTermination } = await aws.ec2(region, 'DescribeInstanceAttribute', (ec2, http) =>
    ec2.describeInstanceAttribute({ InstanceId, Attribute: 'disableApiTermination' }, http),
  )
  return DisableApiTermination?.Value
}

/** Each instance is asked for its protection by a call of its own. */
const attributesAtOnce = 8
