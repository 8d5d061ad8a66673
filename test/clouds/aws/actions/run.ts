import { randomInt } from 'node:crypto'
import { changing, tagsFor, type Scene } from '#test/clouds/aws/action.ts'
import { describeInstance } from '#test/clouds/aws/actions/instances.ts'
import { largeEnough, volumeTypes } from '#test/clouds/aws/actions/images.ts'
import { subnetOf } from '#test/clouds/aws/actions/places.ts'
import { addVolume } from '#test/clouds/aws/actions/volumes.ts'
import { instanceTypes, isXen, type InstanceType } from '#test/clouds/aws/catalog.ts'
import { Refusal, invalidValue } from '#test/clouds/aws/refusal.ts'
import {
  flag,
  group,
  groupId,
  imageId,
  list,
  need,
  snapshotId,
  subnetId,
  tagSpecifications,
  text,
  whole,
} from '#test/clouds/aws/shapes.ts'
import {
  find,
  newId,
  powerOn,
  startInstanceLife,
  type Image,
  type Instance,
  type Mapping,
  type Region,
} from '#test/clouds/aws/world.ts'

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
  Placement: group({ AvailabilityZone: text(), Tenancy: text() }),
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
      }),
    }),
  ),
  TagSpecification: tagSpecifications,
}
type Input = { [K in keyof typeof fields]: ReturnType<(typeof fields)[K]> }

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
  const type = typeOf(input)
  const runsIn = checkBootable(image, type)
  const zone = zoneOf(input, region)
  const groups = groupsOf(input, region)
  if (input.KeyName !== undefined && !region.keyPairs.has(input.KeyName)) {
    throw new Refusal('InvalidKeyPair.NotFound', `The key pair '${input.KeyName}' does not exist`)
  }
  if (input.UserData !== undefined && !/^[A-Za-z0-9+/]*={0,2}$/.test(input.UserData)) {
    throw new Refusal('InvalidUserData.Malformed', 'Invalid BASE64 encoding of user data')
  }
  checkQuota(type.vcpus * input.MaxCount, scene)
  const mappings = mappingsOf(input, image)
  const taggable = ['instance', 'volume', 'network-interface', 'spot-instances-request']
  const reservationId = newId('r')

  return Array.from({ length: input.MaxCount }, (): Instance => {
    const id = newId('i')
    const now = new Date()
    const instance: Instance = {
      id,
      seq: scene.world.nextSeq(),
      zone,
      life: startInstanceLife(scene.world, region, () => instance),
      type: type.name,
      imageId: image.id,
      reservationId,
      clientToken: input.ClientToken ?? '',
      keyName: input.KeyName,
      groups,
      subnetId: subnetOf(zone),
      architecture: image.architecture,
      bootMode: image.bootMode,
      runsIn,
      enaSupport: image.enaSupport,
      rootDevice: image.rootDevice,
      devices: [],
      launchedAt: now,
      privateIp: `172.31.${randomInt(16, 96)}.${randomInt(4, 250)}`,
      publicIp: `203.0.113.${randomInt(1, 254)}`,
      protectedFromTermination: input.DisableApiTermination ?? false,
      tags: tagsFor('instance', input.TagSpecification, taggable),
    }
    for (const { device, deleteOnTermination, sizeGib, type: volumeType, snapshotId: from } of mappings) {
      const tags = tagsFor('volume', input.TagSpecification, taggable)
      const volume = addVolume(scene, { zone, sizeGib, type: volumeType, snapshotId: from, tags })
      volume.attachedTo = id
      instance.devices.push({ device, volumeId: volume.id, deleteOnTermination, attachedAt: now })
    }
    region.instances.set(id, instance)
    region.visible.add(id)
    return instance
  })
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

function zoneOf({ SubnetId, Placement }: Input, region: Region): string {
  const bySubnet =
    SubnetId === undefined ? undefined : region.zones.find((zone) => subnetOf(zone) === SubnetId)
  if (SubnetId !== undefined && bySubnet === undefined) {
    throw new Refusal('InvalidSubnetID.NotFound', `The subnet ID '${SubnetId}' does not exist`)
  }
  const named = Placement?.AvailabilityZone
  if (named !== undefined && !region.zones.includes(named))
    throw invalidValue(`Invalid availability zone: [${named}]`)
  if (named !== undefined && bySubnet !== undefined && named !== bySubnet) {
    throw invalidValue(`The specified subnet '${SubnetId}' is not in the availability zone '${named}'`)
  }
  return named ?? bySubnet ?? region.zones[0] ?? ''
}

function groupsOf({ SecurityGroupId, SecurityGroup }: Input, region: Region): string[] {
  const known = [...region.groups.values()]
  const wanted = [
    ...SecurityGroupId.map((id) => ({ asked: id, found: region.groups.get(id) })),
    ...SecurityGroup.map((name) => ({ asked: name, found: known.find((each) => each.name === name) })),
  ]
  const missing = wanted.find(({ found }) => found === undefined)
  if (missing)
    throw new Refusal('InvalidGroup.NotFound', `The security group '${missing.asked}' does not exist`)
  const standard = known.filter(({ name }) => name === 'default').map(({ id }) => id)
  return wanted.length === 0 ? standard : wanted.flatMap(({ found }) => found?.id ?? [])
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

/** The image's disks, as changed and added to by the request. */
function mappingsOf(
  { BlockDeviceMapping }: Input,
  image: Image,
): (Omit<Mapping, 'snapshotId'> & { snapshotId: string | undefined })[] {
  const changed = image.mappings.map((mapping) => {
    const change = BlockDeviceMapping.find(({ DeviceName }) => DeviceName === mapping.device)?.Ebs
    return {
      ...mapping,
      sizeGib: largeEnough(change?.VolumeSize, mapping.sizeGib, mapping.snapshotId),
      type: change?.VolumeType ?? mapping.type,
      deleteOnTermination: change?.DeleteOnTermination ?? mapping.deleteOnTermination,
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
      deleteOnTermination: Ebs.DeleteOnTermination ?? false,
    }
  })
  return [...changed, ...added]
}
