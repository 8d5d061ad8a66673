import { changing, tagsFor } from '#test/clouds/aws/action.ts'
import { addImage } from '#test/clouds/aws/actions/images.ts'
import { snapshotLife } from '#test/clouds/aws/actions/snapshots.ts'
import { createLifecycle } from '#test/clouds/core/clock.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import { flag, instanceId, need, tagSpecifications, text } from '#test/clouds/aws/shapes.ts'
import { find, newId, type Mapping, type Region, type Volume, type World } from '#test/clouds/aws/world.ts'

export const createImage = changing(
  {
    InstanceId: need(instanceId),
    Name: need(text({ max: 128, pattern: /^[A-Za-z0-9()[\]./\-'@_ ]{3,128}$/ })),
    Description: text({ max: 255 }),
    NoReboot: flag,
    TagSpecification: tagSpecifications,
  },
  async (input, { world, region }) => {
    const instance = find(region, region.instances, input.InstanceId, 'InvalidInstanceID.NotFound')
    const state = instance.life.state()
    if (state !== 'running' && state !== 'stopped')
      throw new Refusal(
        'IncorrectState',
        `The instance '${instance.id}' is not in a valid state, it is '${state}'`,
      )
    for (const image of region.images.values()) {
      if (image.ownerId !== world.accountId || image.name !== input.Name) continue
      throw new Refusal(
        'InvalidAMIName.Duplicate',
        `AMI name ${input.Name} is already in use by AMI ${image.id}`,
      )
    }
    const kinds = ['image', 'snapshot']
    const snapshotTags = tagsFor('snapshot', input.TagSpecification, kinds)
    const image = addImage(world, region.images, {
      name: input.Name,
      description: input.Description ?? '',
      ownerId: world.accountId,
      public: false,
      architecture: instance.architecture,
      bootMode: instance.bootMode,
      enaSupport: instance.enaSupport,
      rootDevice: instance.rootDevice,
      mappings: [],
      createdAt: new Date(world.clock.now()),
      tags: tagsFor('image', input.TagSpecification, kinds),
      life: createLifecycle<'pending' | 'available'>({
        clock: world.clock,
        transitions: { pending: { to: 'available', afterMs: world.delays.snapshot } },
      }).start('pending'),
    })
    region.visible.add(image.id)
    for (const { device, volumeId, deleteOnTermination } of instance.devices) {
      const volume = region.volumes.get(volumeId)
      if (!volume) continue
      const snapshotId = await snapshotOf(world, region, volume, {
        tags: new Map(snapshotTags),
        description: `Created by CreateImage(${instance.id}) for ${image.id}`,
      })
      const mapping: Mapping = {
        device,
        snapshotId,
        sizeGib: volume.sizeGib,
        type: volume.type,
        deleteOnTermination,
      }
      image.mappings.push(mapping)
    }
    return { imageId: image.id }
  },
)

async function snapshotOf(
  world: World,
  region: Region,
  volume: Volume,
  { tags, description }: { tags: Map<string, string>; description: string },
): Promise<string> {
  const id = newId('snap')
  await volume.filled
  await world.store.clone(id, volume.id)
  region.snapshots.set(id, {
    id,
    diskId: id,
    seq: world.nextSeq(),
    tags,
    ownerId: world.accountId,
    volumeId: volume.id,
    sizeGib: volume.sizeGib,
    description,
    startedAt: new Date(world.clock.now()),
    encrypted: volume.encrypted,
    kmsKeyId: volume.kmsKeyId,
    lineage: volume.id,
    life: snapshotLife(world, 'sealing'),
    written: undefined,
    allocated: undefined,
  })
  return id
}
