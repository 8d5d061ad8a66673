import { changing, chosen, done, reading, tagsOf, type Scene } from '#test/clouds/aws/action.ts'
import { vpcOf } from '#test/clouds/aws/actions/places.ts'
import { instanceTypes, isXen } from '#test/clouds/aws/catalog.ts'
import { filtered, notBoth, paged } from '#test/clouds/aws/querying.ts'
import { Refusal, invalidValue } from '#test/clouds/aws/refusal.ts'
import {
  filters,
  flag,
  group,
  instanceId,
  list,
  need,
  nextToken,
  text,
  volumeId,
  whole,
} from '#test/clouds/aws/shapes.ts'
import { find, powerOn, type Instance, type InstanceState, type Region } from '#test/clouds/aws/world.ts'
import type { Xml } from '#test/clouds/aws/xml.ts'

export const describeInstances = reading(
  {
    InstanceId: list(instanceId),
    Filter: filters,
    IncludeManagedResources: flag,
    MaxResults: whole(5, 1000),
    NextToken: nextToken,
  },
  ({ InstanceId, Filter, MaxResults, NextToken }, { world, region }) => {
    notBoth(InstanceId, MaxResults, 'InstanceIds')
    const found = filtered(
      chosen(region, region.instances, InstanceId, 'InvalidInstanceID.NotFound'),
      Filter,
      {
        'instance-id': ({ id }) => [id],
        'instance-state-name': ({ life }) => [life.state()],
        'instance-state-code': ({ life }) => [String(stateCodes[life.state()])],
        'instance-type': ({ type }) => [type],
        'image-id': ({ imageId }) => [imageId],
        'client-token': ({ clientToken }) => [clientToken],
        'availability-zone': ({ zone }) => [zone],
        architecture: ({ architecture }) => [architecture],
        'key-name': ({ keyName }) => [keyName],
        'vpc-id': () => [vpcOf(region.name)],
        'subnet-id': ({ subnetId }) => [subnetId],
        'reservation-id': ({ reservationId }) => [reservationId],
        'private-ip-address': ({ privateIp }) => [privateIp],
        'block-device-mapping.volume-id': ({ devices }) => devices.map((device) => device.volumeId),
        'instance.group-id': ({ groups }) => groups,
      },
    )
    const query = ['instances', InstanceId, Filter]
    const { page, nextToken: next } = paged(world, found, {
      query,
      maxResults: MaxResults,
      nextToken: NextToken,
    })
    const reservations = Map.groupBy(page, ({ reservationId }) => reservationId)
    return {
      reservationSet: [...reservations].map(([reservationId, instances]) => ({
        reservationId,
        ownerId: world.accountId,
        instancesSet: instances.map((instance) => describeInstance(region, instance)),
      })),
      nextToken: next,
    }
  },
)

const some = need(list(instanceId))

export const startInstances = changing({ InstanceId: some }, async ({ InstanceId }, scene) =>
  move(InstanceId, scene, {
    from: ['stopped'],
    leave: ['pending', 'running'],
    to: 'pending',
    also: (instance) => {
      instance.launchedAt = new Date()
      return powerOn(scene.world, scene.region, instance, memoryOf(instance))
    },
  }),
)

export const stopInstances = changing(
  { InstanceId: some, Force: flag, SkipOsShutdown: flag },
  async ({ InstanceId }, scene) =>
    move(InstanceId, scene, {
      from: ['running'],
      leave: ['stopping', 'stopped'],
      to: 'stopping',
      also: ({ id }) => scene.world.machines?.stop(id),
    }),
)

export const terminateInstances = changing(
  { InstanceId: some, Force: flag, SkipOsShutdown: flag },
  async ({ InstanceId }, scene) => {
    const guarded = chosen(
      scene.region,
      scene.region.instances,
      InstanceId,
      'InvalidInstanceID.NotFound',
    ).find((instance) => instance.protectedFromTermination)
    if (guarded) {
      throw new Refusal(
        'OperationNotPermitted',
        `The instance '${guarded.id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.`,
      )
    }
    return move(InstanceId, scene, {
      from: ['pending', 'running', 'stopping', 'stopped'],
      leave: ['shutting-down', 'terminated'],
      to: 'shutting-down',
      also: ({ id }) => scene.world.machines?.stop(id),
    })
  },
)

export const rebootInstances = changing({ InstanceId: some }, async ({ InstanceId }, { world, region }) => {
  const instances = chosen(region, region.instances, InstanceId, 'InvalidInstanceID.NotFound')
  for (const instance of instances) {
    if (instance.life.state() !== 'running') throw wrongState(instance, 'rebooted')
  }
  for (const instance of instances) {
    await world.machines?.stop(instance.id)
    await powerOn(world, region, instance, memoryOf(instance))
  }
  return done
})

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

export const getConsoleOutput = reading(
  { InstanceId: need(instanceId), Latest: flag },
  async (input, { world, region }) => {
    const instance = find(region, region.instances, input.InstanceId, 'InvalidInstanceID.NotFound')
    if (input.Latest === true && isXen(instance.type)) {
      throw new Refusal(
        'UnsupportedOperation',
        `This operation is not supported for instance type ${instance.type}`,
      )
    }
    const output = (await world.machines?.console(instance.id)) ?? ''
    return {
      instanceId: instance.id,
      timestamp: new Date(),
      output: output === '' ? undefined : Buffer.from(output.slice(-65_536), 'latin1').toString('base64'),
    }
  },
)

export function describeInstance(region: Region, instance: Instance): Xml {
  const state = instance.life.state()
  const on = state === 'pending' || state === 'running'
  const gone = state === 'terminated'
  return {
    instanceId: instance.id,
    imageId: instance.imageId,
    instanceState: { code: stateCodes[state], name: state },
    instanceType: instance.type,
    launchTime: instance.launchedAt,
    placement: { availabilityZone: instance.zone, tenancy: 'default' },
    privateIpAddress: gone ? undefined : instance.privateIp,
    ipAddress: state === 'running' ? instance.publicIp : undefined,
    keyName: instance.keyName,
    subnetId: gone ? undefined : instance.subnetId,
    vpcId: gone ? undefined : vpcOf(region.name),
    architecture: instance.architecture,
    rootDeviceType: 'ebs',
    rootDeviceName: instance.rootDevice,
    blockDeviceMapping: instance.devices.map(
      ({ device, volumeId: volume, deleteOnTermination, attachedAt }) => ({
        deviceName: device,
        ebs: { volumeId: volume, status: 'attached', attachTime: attachedAt, deleteOnTermination },
      }),
    ),
    groupSet: gone
      ? []
      : instance.groups.map((id) => ({ groupId: id, groupName: region.groups.get(id)?.name ?? '' })),
    clientToken: instance.clientToken,
    enaSupport: instance.enaSupport,
    bootMode: instance.bootMode,
    currentInstanceBootMode: instance.runsIn,
    virtualizationType: 'hvm',
    hypervisor: 'xen',
    monitoring: { state: 'disabled' },
    stateReason: on
      ? undefined
      : {
          code: 'Client.UserInitiatedShutdown',
          message: 'Client.UserInitiatedShutdown: User initiated shutdown',
        },
    tagSet: tagsOf(instance.tags),
  }
}

/** API reference of InstanceState. */
const stateCodes: Record<InstanceState, number> = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
}

/** All of them or none. Those already there are left as they are. */
async function move(
  ids: readonly string[],
  { region }: Scene,
  change: {
    from: InstanceState[]
    leave: InstanceState[]
    to: InstanceState
    also: (instance: Instance) => Promise<void> | undefined
  },
) {
  const instances = chosen(region, region.instances, ids, 'InvalidInstanceID.NotFound')
  for (const instance of instances) {
    if (![...change.from, ...change.leave].includes(instance.life.state()))
      throw wrongState(instance, `set to ${change.to}`)
  }
  const moves = instances.map((instance) => {
    const before = instance.life.state()
    if (change.from.includes(before)) instance.life.enter(change.to)
    return { instance, before, moved: change.from.includes(before) }
  })
  for (const { instance, moved } of moves) if (moved) await change.also(instance)
  return {
    instancesSet: moves.map(({ instance, before }) => ({
      instanceId: instance.id,
      previousState: { code: stateCodes[before], name: before },
      currentState: { code: stateCodes[instance.life.state()], name: instance.life.state() },
    })),
  }
}

const wrongState = (instance: Instance, what: string): Refusal =>
  new Refusal(
    'IncorrectInstanceState',
    `The instance '${instance.id}' is not in a state from which it can be ${what}. It is '${instance.life.state()}'.`,
  )

const memoryOf = ({ type }: Instance): number =>
  instanceTypes.find(({ name }) => name === type)?.memoryMib ?? 1024
