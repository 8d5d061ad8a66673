import { changing } from '#test/clouds/aws/action.ts'
import { stateOf } from '#test/clouds/aws/actions/volumes/volumes.ts'
import { Refusal, invalidValue } from '#test/clouds/aws/refusal.ts'
import { flag, instanceId, need, text, volumeId } from '#test/clouds/aws/shapes.ts'
import { attach, find } from '#test/clouds/aws/world.ts'

export const attachVolume = changing(
  { VolumeId: need(volumeId), InstanceId: need(instanceId), Device: need(text({ max: 64 })) },
  (input, { world, region }) => {
    const volume = find(region, region.volumes, input.VolumeId, 'InvalidVolume.NotFound')
    const instance = find(region, region.instances, input.InstanceId, 'InvalidInstanceID.NotFound')
    if (volume.attachedTo !== undefined) {
      throw new Refusal('VolumeInUse', `${volume.id} is already attached to an instance`)
    }
    if (stateOf(volume) !== 'available')
      throw new Refusal('IncorrectState', `Volume '${volume.id}' is in the '${stateOf(volume)}' state.`)
    if (volume.zone !== instance.zone) {
      throw new Refusal(
        'InvalidVolume.ZoneMismatch',
        `The volume '${volume.id}' is not in the same availability zone as instance '${instance.id}'`,
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
    const device = attach(world, instance, volume, {
      device: input.Device,
      deleteOnTermination: false,
      initial: 'attaching',
    })
    return {
      volumeId: volume.id,
      instanceId: instance.id,
      device: input.Device,
      status: device.life.state(),
      attachTime: device.attachedAt,
    }
  },
)

export const detachVolume = changing(
  { VolumeId: need(volumeId), InstanceId: instanceId, Device: text(), Force: flag },
  (input, { region }) => {
    const volume = find(region, region.volumes, input.VolumeId, 'InvalidVolume.NotFound')
    const instance = region.instances.get(volume.attachedTo ?? '')
    const device = instance?.devices.find((each) => each.volumeId === volume.id)
    if (!instance || !device)
      throw new Refusal('IncorrectState', `Volume '${volume.id}' is in the 'available' state.`)
    const elsewhere =
      (input.InstanceId !== undefined && input.InstanceId !== instance.id) ||
      (input.Device !== undefined && input.Device !== device.device)
    if (elsewhere) {
      throw new Refusal(
        'InvalidAttachment.NotFound',
        `Volume '${volume.id}' is not attached to instance '${input.InstanceId}' as device ${input.Device}`,
      )
    }
    if (device.device === instance.rootDevice && instance.life.state() !== 'stopped') {
      throw new Refusal(
        'OperationNotPermitted',
        `Unable to detach root volume '${volume.id}' from instance '${instance.id}'`,
      )
    }
    if (device.life.state() !== 'detaching') device.life.enter('detaching')
    const status = device.life.state()
    return {
      volumeId: volume.id,
      instanceId: instance.id,
      device: device.device,
      status: status === 'detached' ? 'detaching' : status,
      attachTime: device.attachedAt,
    }
  },
)
