import { changing, chosen, done, type Scene } from '#test/clouds/aws/action.ts'
import { stateCodes } from '#test/clouds/aws/actions/compute/instances.ts'
import { instanceTypes } from '#test/clouds/aws/catalog.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import { flag, instanceId, list, need } from '#test/clouds/aws/shapes.ts'
import { powerOn, type Instance, type InstanceState } from '#test/clouds/aws/world.ts'

const some = need(list(instanceId))

export const startInstances = changing({ InstanceId: some }, async ({ InstanceId }, scene) =>
  move(InstanceId, scene, {
    from: ['stopped'],
    leave: ['pending', 'running'],
    to: 'pending',
    also: (instance) => {
      instance.launchedAt = new Date(scene.world.clock.now())
      instance.reason = undefined
      return powerOn(scene.world, scene.region, instance, memoryOf(instance))
    },
  }),
)

export const stopInstances = changing(
  { InstanceId: some, Force: flag, SkipOsShutdown: flag, Hibernate: flag },
  async ({ InstanceId, Hibernate }, scene) => {
    checkStoppable(scene, InstanceId, Hibernate === true)
    return move(InstanceId, scene, {
      from: ['running'],
      leave: ['stopping', 'stopped'],
      to: 'stopping',
      also: (instance) => {
        instance.reason = Hibernate === true ? reasons.hibernated : reasons.stopped
        return scene.world.machines?.stop(instance.id)
      },
    })
  },
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
      also: (instance) => {
        instance.reason = reasons.stopped
        return scene.world.machines?.stop(instance.id)
      },
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

/** EC2 User Guide: hibernation must have been prepared at the launch; a one-time Spot Instance can only be terminated. */
function checkStoppable({ region }: Scene, ids: readonly string[], hibernate: boolean): void {
  for (const instance of chosen(region, region.instances, ids, 'InvalidInstanceID.NotFound')) {
    if (instance.spot) {
      throw new Refusal(
        'UnsupportedOperation',
        `You can't stop the Spot Instance '${instance.id}' because it is associated with a one-time Spot Instance request.`,
      )
    }
    if (hibernate && !instance.canHibernate) {
      throw new Refusal(
        'UnsupportedHibernationConfiguration',
        `The instance '${instance.id}' is not configured for hibernation.`,
      )
    }
  }
}

const reasons = {
  stopped: {
    code: 'Client.UserInitiatedShutdown',
    message: 'Client.UserInitiatedShutdown: User initiated shutdown',
  },
  hibernated: {
    code: 'Client.UserInitiatedHibernate',
    message: 'Client.UserInitiatedHibernate: User initiated hibernate',
  },
} as const

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

export const wrongState = (instance: Instance, what: string): Refusal =>
  new Refusal(
    'IncorrectInstanceState',
    `The instance '${instance.id}' is not in a state from which it can be ${what}. It is '${instance.life.state()}'.`,
  )

const memoryOf = ({ type }: Instance): number =>
  instanceTypes.find(({ name }) => name === type)?.memoryMib ?? 1024
