import { changing, chosen, done, reading, tagsFor, tagsOf, type Scene } from '#test/clouds/aws/action.ts'
import { largeEnough, volumeTypes } from '#test/clouds/aws/actions/images.ts'
import { filtered, notBoth, paged } from '#test/clouds/aws/querying.ts'
import { Refusal, invalidValue } from '#test/clouds/aws/refusal.ts'
import {
  filters,
  flag,
  instanceId,
  list,
  need,
  nextToken,
  snapshotId,
  tagSpecifications,
  text,
  volumeId,
  whole,
} from '#test/clouds/aws/shapes.ts'
import { dropVolume, find, newId, type Region, type Volume } from '#test/clouds/aws/world.ts'
import type { Xml } from '#test/clouds/aws/xml.ts'

const gibibyte = 2 ** 30

export const describeVolumes = reading(
  { VolumeId: list(volumeId), Filter: filters, MaxResults: whole(5, 1000), NextToken: nextToken },
  ({ VolumeId, Filter, MaxResults, NextToken }, { world, region }) => {
    notBoth(VolumeId, MaxResults, 'VolumeIds')
    const found = filtered(chosen(region, region.volumes, VolumeId, 'InvalidVolume.NotFound'), Filter, {
      'volume-id': ({ id }) => [id],
      'volume-type': ({ type }) => [type],
      'availability-zone': ({ zone }) => [zone],
      'snapshot-id': ({ snapshotId: snapshot }) => [snapshot],
      size: ({ sizeGib }) => [String(sizeGib)],
      status: ({ attachedTo }) => [stateOf(attachedTo)],
      'attachment.instance-id': ({ attachedTo }) => [attachedTo],
      'attachment.device': (volume) => [deviceOf(region, volume)?.device],
      encrypted: () => ['false'],
    })
    const query = ['volumes', VolumeId, Filter]
    const { page, nextToken: next } = paged(world, found, {
      query,
      maxResults: MaxResults,
      nextToken: NextToken,
    })
    return { volumeSet: page.map((volume) => describe(region, volume)), nextToken: next }
  },
)

export const createVolume = changing(
  {
    AvailabilityZone: need(text()),
    Size: whole(1, 65_536),
    SnapshotId: snapshotId,
    VolumeType: volumeTypes,
    ClientToken: text({ max: 64 }),
    TagSpecification: tagSpecifications,
  },
  async (input, scene) => {
    const { region } = scene
    if (!region.zones.includes(input.AvailabilityZone)) {
      throw new Refusal('InvalidZone.NotFound', `The zone '${input.AvailabilityZone}' does not exist.`)
    }
    if (input.Size === undefined && input.SnapshotId === undefined) {
      throw new Refusal('MissingParameter', 'The request must contain the parameter size/snapshot')
    }
    const volume = addVolume(scene, {
      zone: input.AvailabilityZone,
      sizeGib: input.Size,
      type: input.VolumeType ?? 'gp2',
      snapshotId: input.SnapshotId,
      tags: tagsFor('volume', input.TagSpecification),
    })
    await volume.filled
    return describe(region, volume) as { [element: string]: Xml }
  },
)

export const attachVolume = changing(
  { VolumeId: need(volumeId), InstanceId: need(instanceId), Device: need(text({ max: 64 })) },
  (input, { region }) => {
    const volume = find(region, region.volumes, input.VolumeId, 'InvalidVolume.NotFound')
    const instance = find(region, region.instances, input.InstanceId, 'InvalidInstanceID.NotFound')
    if (volume.attachedTo !== undefined) {
      throw new Refusal('VolumeInUse', `${volume.id} is already attached to an instance`)
    }
    if (volume.zone !== instance.zone) {
      throw new Refusal(
        'InvalidVolume.ZoneMismatch',
        `The volume '${volume.id}' is not in the same availability zone`,
      )
    }
    const state = instance.life.state()
    if (state !== 'running' && state !== 'stopped') {
      throw new Refusal(
        'IncorrectState',
        `Instance '${instance.id}' is not 'running' or 'stopped', it is '${state}'`,
      )
    }
    if (instance.devices.some(({ device }) => device === input.Device)) {
      throw invalidValue(
        `Invalid value '${input.Device}' for unixDevice. Attachment point ${input.Device} is already in use`,
      )
    }
    volume.attachedTo = instance.id
    const device = {
      device: input.Device,
      volumeId: volume.id,
      deleteOnTermination: false,
      attachedAt: new Date(),
    }
    instance.devices.push(device)
    return {
      volumeId: volume.id,
      instanceId: instance.id,
      device: input.Device,
      status: 'attached',
      attachTime: device.attachedAt,
    }
  },
)

export const detachVolume = changing(
  { VolumeId: need(volumeId), InstanceId: instanceId, Device: text(), Force: flag },
  (input, { region }) => {
    const volume = find(region, region.volumes, input.VolumeId, 'InvalidVolume.NotFound')
    const instance = region.instances.get(volume.attachedTo ?? '')
    if (!instance) throw new Refusal('IncorrectState', `Volume '${volume.id}' is in the 'available' state.`)
    const device = instance.devices.find((each) => each.volumeId === volume.id)
    if (device?.device === instance.rootDevice && instance.life.state() !== 'stopped') {
      throw new Refusal(
        'OperationNotPermitted',
        `Unable to detach root volume '${volume.id}' from instance '${instance.id}'`,
      )
    }
    instance.devices = instance.devices.filter((each) => each !== device)
    volume.attachedTo = undefined
    return { volumeId: volume.id, instanceId: instance.id, status: 'detached' }
  },
)

export const deleteVolume = changing({ VolumeId: need(volumeId) }, (input, { world, region }) => {
  const volume = find(region, region.volumes, input.VolumeId, 'InvalidVolume.NotFound')
  if (volume.attachedTo !== undefined) {
    throw new Refusal('VolumeInUse', `Volume ${volume.id} is currently attached to ${volume.attachedTo}`)
  }
  dropVolume(world, region, volume)
  return done
})

/** A new volume whose bytes are on their way: those of the snapshot, or zeros. */
export function addVolume(
  { world, region }: Scene,
  facts: Pick<Volume, 'zone' | 'type' | 'snapshotId' | 'tags'> & { sizeGib: number | undefined },
): Volume {
  const snapshot =
    facts.snapshotId === undefined
      ? undefined
      : find(region, region.snapshots, facts.snapshotId, 'InvalidSnapshot.NotFound')
  if (snapshot && snapshot.life.state() !== 'completed') {
    throw new Refusal('IncorrectState', `The snapshot '${snapshot.id}' is not in the 'completed' state`)
  }
  const id = newId('vol')
  const sizeGib = snapshot ? largeEnough(facts.sizeGib, snapshot.sizeGib, snapshot.id) : (facts.sizeGib ?? 1)
  const fill = async () => {
    if (snapshot) await world.store.clone(id, snapshot.diskId)
    else await world.store.create(id, sizeGib * gibibyte)
    if (snapshot && sizeGib > snapshot.sizeGib) await world.store.resize(id, sizeGib * gibibyte)
  }
  const filled = fill()
  world.background(filled)
  const volume = {
    ...facts,
    id,
    sizeGib,
    seq: world.nextSeq(),
    createdAt: new Date(),
    filled,
    attachedTo: undefined,
  }
  region.volumes.set(id, volume)
  region.visible.add(id)
  return volume
}

const stateOf = (attachedTo: string | undefined): string =>
  attachedTo === undefined ? 'available' : 'in-use'

const deviceOf = (region: Region, { id, attachedTo }: Volume) =>
  region.instances.get(attachedTo ?? '')?.devices.find((device) => device.volumeId === id)

function describe(region: Region, volume: Volume): Xml {
  const device = deviceOf(region, volume)
  return {
    volumeId: volume.id,
    size: volume.sizeGib,
    snapshotId: volume.snapshotId ?? '',
    availabilityZone: volume.zone,
    status: stateOf(volume.attachedTo),
    createTime: volume.createdAt,
    volumeType: volume.type,
    encrypted: false,
    multiAttachEnabled: false,
    attachmentSet: device
      ? [
          {
            volumeId: volume.id,
            instanceId: volume.attachedTo,
            device: device.device,
            status: 'attached',
            attachTime: device.attachedAt,
            deleteOnTermination: device.deleteOnTermination,
          },
        ]
      : undefined,
    tagSet: tagsOf(volume.tags),
  }
}
