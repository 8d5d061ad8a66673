import { changing, tagsFor, type Scene } from '#test/clouds/aws/action.ts'
import { describeInstance } from '#test/clouds/aws/actions/compute/instances.ts'
import { largeEnough, volumeTypes } from '#test/clouds/aws/actions/images.ts'
import { checkMarket } from '#test/clouds/aws/actions/compute/market.ts'
import { groupsFor, placeOf } from '#test/clouds/aws/actions/compute/placing.ts'
import { startInstance, type NewDisk } from '#test/clouds/aws/actions/compute/start.ts'
import { checkShape } from '#test/clouds/aws/actions/volumes/limits.ts'
import { encryptionOf } from '#test/clouds/aws/actions/volumes/volumes.ts'
import { canHibernate, instanceTypes, isXen, type InstanceType } from '#test/clouds/aws/catalog.ts'
import { Refusal, invalidValue } from '#test/clouds/aws/refusal.ts'
import {
  flag,
  group,
  groupId,
  imageId,
  list,
  need,
  oneOf,
  snapshotId,
  subnetId,
  tagSpecifications,
  text,
  whole,
} from '#test/clouds/aws/shapes.ts'
import { find, newId, powerOn, type Image, type Instance } from '#test/clouds/aws/world.ts'

const fields = {
  ImageId: need(imageId),
  InstanceType: text(),
  MinCount: need(whole(1, 1000)),
  MaxCount: need(whole(1, 1000)),
  ClientToken: text({ max: 64, pattern: /^[\x20-\x7e]*$/ }),
  KeyName: text({ max: 255 }),
  SecurityGroupId: list(groupId),
  SecurityGroup: list(text()),
  SubnetId: subnetId,
  Placement: group({
    AvailabilityZone: text(),
    Tenancy: oneOf('default', 'dedicated', 'host'),
    GroupName: text({ max: 255 }),
  }),
  InstanceMarketOptions: group({
    MarketType: oneOf('spot', 'capacity-block'),
    SpotOptions: group({
      MaxPrice: text({ max: 32 }),
      SpotInstanceType: oneOf('one-time', 'persistent'),
      InstanceInterruptionBehavior: oneOf('hibernate', 'stop', 'terminate'),
    }),
  }),
  Monitoring: group({ Enabled: need(flag) }),
  HibernationOptions: group({ Configured: flag }),
  UserData: text({ max: 22_000 }),
  DisableApiTermination: flag,
  EbsOptimized: flag,
  BlockDeviceMapping: list(
    group({
      DeviceName: need(text({ max: 64 })),
      Ebs: group({
        SnapshotId: snapshotId,
        VolumeSize: whole(1, 65_536),
        VolumeType: volumeTypes,
        DeleteOnTermination: flag,
        Iops: whole(100, 256_000),
        Encrypted: flag,
        KmsKeyId: text({ max: 2048 }),
      }),
    }),
  ),
  TagSpecification: tagSpecifications,
}
export type Input = { [K in keyof typeof fields]: ReturnType<(typeof fields)[K]> }

export const runInstances = changing(fields, async (input, scene) => {
  const { world, region } = scene
  const asked = JSON.stringify(input)
  const before = input.ClientToken === undefined ? undefined : region.launches.get(input.ClientToken)
  if (before && before.asked !== asked) {
    throw new Refusal(
      'IdempotentParameterMismatch',
      `Arguments on this idempotent request are inconsistent with arguments used in previous request(s) with client token ${input.ClientToken}`,
    )
  }
  const instances = before
    ? before.instanceIds.flatMap((id) => region.instances.get(id) ?? [])
    : launch(input, scene)
  if (input.ClientToken !== undefined && !before) {
    region.launches.set(input.ClientToken, { asked, instanceIds: instances.map(({ id }) => id) })
  }
  const memoryMib = typeOf(input).memoryMib
  if (!before) await Promise.all(instances.map((instance) => powerOn(world, region, instance, memoryMib)))
  return {
    reservationId: instances[0]?.reservationId,
    ownerId: world.accountId,
    groupSet: [],
    instancesSet: instances.map((instance) => describeInstance(region, instance)),
  }
})

/** Checks all, then makes all, without waiting in between: a second call with the same token finds the first's instances. */
function launch(input: Input, scene: Scene): Instance[] {
  const { region } = scene
  if (input.MinCount > input.MaxCount) throw invalidValue('MinCount must not be greater than MaxCount')
  const image = find(region, region.images, input.ImageId, 'InvalidAMIID.NotFound')
  if (image.life?.state() === 'pending')
    throw new Refusal('InvalidAMIID.Unavailable', `The image ID '${image.id}' is not available`)
  const type = typeOf(input)
  const runsIn = checkBootable(image, type)
  const subnet = placeOf(input, region)
  const groups = groupsFor(input, region, subnet)
  if (input.KeyName !== undefined && !region.keyPairs.has(input.KeyName)) {
    throw new Refusal('InvalidKeyPair.NotFound', `The key pair '${input.KeyName}' does not exist`)
  }
  if (input.UserData !== undefined && !/^[A-Za-z0-9+/]*={0,2}$/.test(input.UserData)) {
    throw new Refusal('InvalidUserData.Malformed', 'Invalid BASE64 encoding of user data')
  }
  checkMarket(input, type)
  checkQuota(type.vcpus * input.MaxCount, scene)
  const disks = mappingsOf(input, image, scene)
  if (input.HibernationOptions?.Configured === true) checkHibernation(type, image, disks)
  const taggable = ['instance', 'volume', 'network-interface', 'spot-instances-request']
  const reservationId = newId('r')
  const tags = (resource: string) => tagsFor(resource, input.TagSpecification, taggable)

  return Array.from({ length: input.MaxCount }, (): Instance =>
    startInstance(scene, {
      type: type.name,
      image,
      runsIn,
      subnet,
      groups,
      disks,
      tags,
      reservationId,
      clientToken: input.ClientToken ?? '',
      keyName: input.KeyName,
      protectedFromTermination: input.DisableApiTermination ?? false,
      spot: input.InstanceMarketOptions?.MarketType === 'spot',
      tenancy: input.Placement?.Tenancy ?? 'default',
      placementGroup: input.Placement?.GroupName,
      detailedMonitoring: input.Monitoring?.Enabled ?? false,
      canHibernate: input.HibernationOptions?.Configured ?? false,
    }),
  )
}

function typeOf({ InstanceType: name = 'm1.small' }: Input): InstanceType {
  const type = instanceTypes.find((each) => each.name === name)
  if (type) return type
  throw invalidValue(`Invalid value '${name}' for InstanceType.`)
}

function checkBootable(image: Image, type: InstanceType): Instance['runsIn'] {
  if (image.architecture !== type.architecture) {
    throw invalidValue(
      `The architecture '${type.architecture}' of the specified instance type does not match the architecture '${image.architecture}' of the specified AMI.`,
    )
  }
  if (!image.enaSupport && !isXen(type.name)) {
    throw new Refusal(
      'InvalidParameterCombination',
      `Enhanced networking with the Elastic Network Adapter (ENA) is required for the '${type.name}' instance type. Ensure that you are using an AMI that is enabled for ENA.`,
    )
  }
  const preferred =
    image.bootMode === 'uefi-preferred'
      ? type.bootModes.includes('uefi')
        ? 'uefi'
        : 'legacy-bios'
      : image.bootMode
  // An AMI without a boot mode boots in the type's own: UEFI on Graviton, BIOS elsewhere.
  const wanted = preferred ?? (type.architecture === 'arm64' ? 'uefi' : 'legacy-bios')
  if (type.bootModes.includes(wanted)) return wanted === 'uefi' ? 'uefi' : 'legacy-bios'
  throw new Refusal(
    'InvalidParameterCombination',
    `The instance type '${type.name}' does not support the boot mode '${wanted}' of the specified AMI.`,
  )
}

function checkQuota(vcpus: number, { world, region }: Scene): void {
  const inUse = [...region.instances.values()]
    .filter((instance) => ['pending', 'running'].includes(instance.life.state()))
    .reduce((sum, { type }) => sum + (instanceTypes.find(({ name }) => name === type)?.vcpus ?? 0), 0)
  if (inUse + vcpus <= world.vcpuQuota) return
  throw new Refusal(
    'VcpuLimitExceeded',
    `You have requested more vCPU capacity than your current vCPU limit of ${world.vcpuQuota} allows for the instance bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.`,
  )
}

/** EC2 User Guide, "Prerequisites for EC2 instance hibernation". */
function checkHibernation(type: InstanceType, image: Image, disks: readonly NewDisk[]): void {
  const root = disks.find(({ device }) => device === image.rootDevice)
  const reason = !canHibernate(type.name)
    ? `The instance type '${type.name}' does not support hibernation.`
    : root?.encryption.encrypted !== true
      ? 'The root volume must be encrypted for hibernation.'
      : undefined
  if (reason !== undefined) throw new Refusal('UnsupportedHibernationConfiguration', reason)
}

/** The image's disks, as changed and added to by the request. */
function mappingsOf({ BlockDeviceMapping }: Input, image: Image, scene: Scene): NewDisk[] {
  const encryption = (
    ebs: NonNullable<Input['BlockDeviceMapping'][number]>['Ebs'],
    from: string | undefined,
  ) =>
    encryptionOf(
      scene,
      { encrypted: ebs?.Encrypted, kmsKeyId: ebs?.KmsKeyId },
      scene.region.snapshots.get(from ?? ''),
    )
  const changed = image.mappings.map((mapping) => {
    const change = BlockDeviceMapping.find(({ DeviceName }) => DeviceName === mapping.device)?.Ebs
    return {
      ...mapping,
      sizeGib: largeEnough(change?.VolumeSize, mapping.sizeGib, mapping.snapshotId),
      type: change?.VolumeType ?? mapping.type,
      iops: change?.Iops,
      deleteOnTermination: change?.DeleteOnTermination ?? mapping.deleteOnTermination,
      encryption: encryption(change, mapping.snapshotId),
    }
  })
  const added = BlockDeviceMapping.filter(
    ({ DeviceName }) => !image.mappings.some(({ device }) => device === DeviceName),
  ).map(({ DeviceName, Ebs }) => {
    if (!Ebs) throw new Refusal('InvalidBlockDeviceMapping', `${DeviceName} has no Ebs settings`)
    return {
      device: DeviceName,
      snapshotId: Ebs.SnapshotId,
      sizeGib: Ebs.VolumeSize ?? 8,
      type: Ebs.VolumeType ?? 'gp2',
      iops: Ebs.Iops,
      deleteOnTermination: Ebs.DeleteOnTermination ?? false,
      encryption: encryption(Ebs, Ebs.SnapshotId),
    }
  })
  const disks = [...changed, ...added]
  for (const disk of disks) checkShape(disk)
  return disks
}
