import { changing, chosen, done, reading, tagsFor, tagsOf } from '#test/clouds/aws/action.ts'
import { filtered, notBoth, paged } from '#test/clouds/aws/querying.ts'
import { Refusal, invalidValue } from '#test/clouds/aws/refusal.ts'
import {
  filters,
  flag,
  group,
  imageId,
  list,
  need,
  nextToken,
  oneOf,
  snapshotId,
  tagSpecifications,
  text,
  whole,
} from '#test/clouds/aws/shapes.ts'
import { find, newId, type Image, type Mapping, type Region, type World } from '#test/clouds/aws/world.ts'
import type { Xml } from '#test/clouds/aws/xml.ts'

export const volumeTypes = oneOf('standard', 'gp2', 'gp3', 'io1', 'io2', 'st1', 'sc1')

export const describeImages = reading(
  {
    ImageId: list(imageId),
    Owner: list(text()),
    ExecutableBy: list(text()),
    Filter: filters,
    IncludeDeprecated: flag,
    IncludeDisabled: flag,
    MaxResults: whole(5, 1000),
    NextToken: nextToken,
  },
  ({ ImageId, Owner, Filter, MaxResults, NextToken }, { world, region }) => {
    notBoth(ImageId, MaxResults, 'ImageIds')
    const owned = (image: Image) =>
      Owner.length === 0 ||
      Owner.some(
        (owner) => owner === image.ownerId || (owner === 'self' && image.ownerId === world.accountId),
      )
    const found = filtered(
      chosen(region, region.images, ImageId, 'InvalidAMIID.NotFound').filter(owned),
      Filter,
      {
        'image-id': ({ id }) => [id],
        name: ({ name }) => [name],
        description: ({ description }) => [description],
        architecture: ({ architecture }) => [architecture],
        'boot-mode': ({ bootMode }) => [bootMode],
        'owner-id': ({ ownerId }) => [ownerId],
        'owner-alias': () => [],
        state: ({ life }) => [life?.state() ?? 'available'],
        'is-public': (image) => [String(image.public)],
        'image-type': () => ['machine'],
        'virtualization-type': () => ['hvm'],
        'root-device-type': () => ['ebs'],
        'root-device-name': ({ rootDevice }) => [rootDevice],
        'creation-date': ({ createdAt }) => [createdAt.toISOString()],
        'block-device-mapping.snapshot-id': ({ mappings }) => mappings.map((mapping) => mapping.snapshotId),
      },
    )
    const query = ['images', ImageId, Owner, Filter]
    const { page, nextToken: next } = paged(world, found, {
      query,
      maxResults: MaxResults,
      nextToken: NextToken,
    })
    return { imagesSet: page.map((image) => describe(image, region)), nextToken: next }
  },
)

export const registerImage = changing(
  {
    Name: need(text({ max: 128, pattern: /^[A-Za-z0-9()[\]./\-'@_ ]{3,128}$/ })),
    Description: text({ max: 255 }),
    Architecture: oneOf('i386', 'x86_64', 'arm64', 'x86_64_mac', 'arm64_mac'),
    BootMode: oneOf('legacy-bios', 'uefi', 'uefi-preferred'),
    VirtualizationType: oneOf('hvm', 'paravirtual'),
    EnaSupport: flag,
    RootDeviceName: text({ max: 64 }),
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
  },
  (input, { world, region }) => {
    for (const image of region.images.values()) {
      if (image.ownerId !== world.accountId || image.name !== input.Name) continue
      throw new Refusal(
        'InvalidAMIName.Duplicate',
        `AMI name ${input.Name} is already in use by AMI ${image.id}`,
      )
    }
    const mappings: Mapping[] = input.BlockDeviceMapping.map(({ DeviceName, Ebs }) => {
      if (Ebs?.SnapshotId === undefined) throw invalidValue(`No snapshot given for ${DeviceName}`)
      const snapshot = find(region, region.snapshots, Ebs.SnapshotId, 'InvalidSnapshot.NotFound')
      if (snapshot.life.state() !== 'completed') {
        throw new Refusal('IncorrectState', `The snapshot '${snapshot.id}' is not in the 'completed' state`)
      }
      return {
        device: DeviceName,
        snapshotId: snapshot.id,
        sizeGib: largeEnough(Ebs.VolumeSize, snapshot.sizeGib, snapshot.id),
        type: Ebs.VolumeType ?? 'gp2',
        deleteOnTermination: Ebs.DeleteOnTermination ?? true,
      }
    })
    const rootDevice = input.RootDeviceName ?? '/dev/sda1'
    if (!mappings.some((mapping) => mapping.device === rootDevice)) {
      throw new Refusal(
        'InvalidBlockDeviceMapping',
        `The root device ${rootDevice} has no snapshot mapped to it`,
      )
    }
    const image = addImage(world, region.images, {
      name: input.Name,
      description: input.Description ?? '',
      ownerId: world.accountId,
      public: false,
      architecture: input.Architecture ?? 'i386',
      bootMode: input.BootMode,
      enaSupport: input.EnaSupport ?? false,
      rootDevice,
      mappings,
      tags: tagsFor('image', input.TagSpecification, ['image', 'snapshot']),
      createdAt: new Date(world.clock.now()),
    })
    region.visible.add(image.id)
    return { imageId: image.id }
  },
)

export const deregisterImage = changing(
  { ImageId: need(imageId), DeleteAssociatedSnapshots: flag },
  (input, { world, region }) => {
    const image = find(region, region.images, input.ImageId, 'InvalidAMIID.NotFound')
    if (image.ownerId !== world.accountId)
      throw new Refusal('AuthFailure', `Not authorized for image:${image.id}`)
    region.images.delete(image.id)
    if (input.DeleteAssociatedSnapshots !== true) return done
    return {
      ...done,
      deleteSnapshotResultSet: image.mappings.map(({ snapshotId: id }) => dropUnused(world, region, id)),
    }
  },
)

/** A snapshot that another image is made of too is left. */
function dropUnused(world: World, region: Region, id: string): Xml {
  const used = [...region.images.values()].some(({ mappings }) =>
    mappings.some((each) => each.snapshotId === id),
  )
  const snapshot = region.snapshots.get(id)
  if (used || snapshot?.ownerId !== world.accountId) return { snapshotId: id, returnCode: 'skipped' }
  region.snapshots.delete(id)
  world.background(world.store.remove(snapshot.diskId))
  return { snapshotId: id, returnCode: 'success' }
}

export function addImage(world: World, images: Map<string, Image>, facts: Omit<Image, 'id' | 'seq'>): Image {
  const image = { ...facts, id: newId('ami'), seq: world.nextSeq() }
  images.set(image.id, image)
  return image
}

/** A volume may be larger than its snapshot, never smaller. */
export function largeEnough(wantedGib: number | undefined, snapshotGib: number, of: string): number {
  if (wantedGib === undefined || wantedGib >= snapshotGib) return wantedGib ?? snapshotGib
  throw new Refusal(
    'InvalidBlockDeviceMapping',
    `Volume of size ${wantedGib}GB is smaller than snapshot '${of}', expect size >= ${snapshotGib}GB`,
  )
}

const describe = (image: Image, region: Region): Xml => ({
  imageId: image.id,
  imageLocation: `${image.ownerId}/${image.name}`,
  imageState: image.life?.state() ?? 'available',
  imageOwnerId: image.ownerId,
  creationDate: image.createdAt,
  isPublic: image.public,
  architecture: image.architecture,
  imageType: 'machine',
  name: image.name,
  description: image.description,
  rootDeviceType: 'ebs',
  rootDeviceName: image.rootDevice,
  blockDeviceMapping: image.mappings.map(
    ({ device, snapshotId: snapshot, sizeGib, type, deleteOnTermination }) => ({
      deviceName: device,
      ebs: {
        snapshotId: snapshot,
        volumeSize: sizeGib,
        volumeType: type,
        deleteOnTermination,
        encrypted: region.snapshots.get(snapshot)?.encrypted ?? false,
      },
    }),
  ),
  virtualizationType: 'hvm',
  hypervisor: 'xen',
  enaSupport: image.enaSupport,
  bootMode: image.bootMode,
  platformDetails: 'Linux/UNIX',
  tagSet: tagsOf(image.tags),
})
