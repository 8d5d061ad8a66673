import { changing, done } from '#test/clouds/aws/action.ts'
import { wrongState } from '#test/clouds/aws/actions/compute/power.ts'
import { canHibernate, instanceTypes, isXen } from '#test/clouds/aws/catalog.ts'
import { Refusal, invalidValue } from '#test/clouds/aws/refusal.ts'
import { flag, group, instanceId, list, need, text, volumeId } from '#test/clouds/aws/shapes.ts'
import { find, type Instance } from '#test/clouds/aws/world.ts'

export const modifyInstanceAttribute = changing(
  {
    InstanceId: need(instanceId),
    InstanceType: group({ Value: need(text()) }),
    DisableApiTermination: group({ Value: need(flag) }),
    BlockDeviceMapping: list(
      group({ DeviceName: need(text()), Ebs: group({ VolumeId: volumeId, DeleteOnTermination: flag }) }),
    ),
  },
  (input, { region }) => {
    const instance = find(region, region.instances, input.InstanceId, 'InvalidInstanceID.NotFound')
    const changes = [input.InstanceType, input.DisableApiTermination, ...input.BlockDeviceMapping]
    if (changes.every((change) => change === undefined)) {
      throw new Refusal('InvalidParameterCombination', 'No attributes specified.')
    }
    const type = input.InstanceType?.Value
    if (type !== undefined) {
      if (!instanceTypes.some(({ name }) => name === type))
        throw invalidValue(`Invalid value '${type}' for InstanceType.`)
      if (instance.life.state() !== 'stopped') throw wrongState(instance, 'resized, it is not stopped')
      checkSize(instance, type)
      instance.type = type
    }
    instance.protectedFromTermination =
      input.DisableApiTermination?.Value ?? instance.protectedFromTermination
    for (const { DeviceName, Ebs } of input.BlockDeviceMapping) {
      const device = instance.devices.find((each) => each.device === DeviceName)
      if (!device)
        throw new Refusal('InvalidInstanceAttributeValue', `No device is currently mapped at ${DeviceName}`)
      device.deleteOnTermination = Ebs?.DeleteOnTermination ?? device.deleteOnTermination
    }
    return done
  },
)

/** The new type must boot what the old one did: EC2 User Guide, "Compatibility for changing the instance type". */
function checkSize(instance: Instance, name: string): void {
  const type = instanceTypes.find((each) => each.name === name)
  const fits = type?.architecture === instance.architecture && type.bootModes.includes(instance.runsIn)
  if (!fits || (!isXen(name) && !instance.enaSupport)) {
    throw new Refusal(
      'InvalidParameterCombination',
      `The instance type '${name}' does not support what instance '${instance.id}' boots: ${instance.architecture}, ${instance.runsIn}.`,
    )
  }
  if (instance.canHibernate && !canHibernate(name)) {
    throw new Refusal('UnsupportedHibernationConfiguration', `The instance type '${name}' cannot hibernate.`)
  }
}
