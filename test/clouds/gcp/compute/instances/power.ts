import { changing } from '#test/clouds/gcp/compute/operations.ts'
import type { ComputeAsk, Handlers } from '#test/clouds/gcp/compute/handler.ts'
import { cpusIn, machineTypeOf, regionOf } from '#test/clouds/gcp/compute/places.ts'
import { found, notReady } from '#test/clouds/gcp/compute/things.ts'
import { Refusal } from '#test/clouds/gcp/refusal.ts'

/** Starting, stopping, suspending and deleting. What is on its way to another state is not ready. */
export const powerHandlers: Handlers = {
  'compute.instances.start': move('start', {
    from: ['TERMINATED'],
    to: 'PROVISIONING',
    idle: ['RUNNING', 'PROVISIONING', 'STAGING'],
  }),
  'compute.instances.stop': move('stop', {
    from: ['RUNNING', 'PROVISIONING', 'STAGING'],
    to: 'STOPPING',
    idle: ['TERMINATED', 'STOPPING'],
  }),
  'compute.instances.suspend': move('suspend', { from: ['RUNNING'], to: 'SUSPENDING', idle: [] }),
  'compute.instances.resume': move('resume', { from: ['SUSPENDED'], to: 'PROVISIONING', idle: [] }),
  'compute.instances.reset': (ask) =>
    changing(ask, 'reset', async () => {
      const instance = found(ask, 'instances', 'instance')
      if (instance.life.state() !== 'RUNNING') throw notReady(instance.path)
      await ask.world.machines.stop(instance.path)
      instance.life.enter('RUNNING')
      return { target: instance }
    }),
  'compute.instances.delete': (ask) =>
    changing(ask, 'delete', () => {
      const instance = found(ask, 'instances', 'instance')
      if (instance.body['deletionProtection'] === true)
        throw new Refusal(
          400,
          'invalid',
          `Invalid resource usage: 'Resource cannot be deleted if it's protected against deletion.'`,
        )
      if (instance.life.state() !== 'DELETING') instance.life.enter('DELETING')
      return { target: instance, afterMs: ask.world.delays.vm }
    }),
}

function move(type: string, { from, to, idle }: { from: string[]; to: string; idle: string[] }) {
  return (ask: ComputeAsk) =>
    changing(ask, type, () => {
      const instance = found(ask, 'instances', 'instance')
      const state = instance.life.state()
      if (!from.includes(state)) {
        if (idle.includes(state)) return { target: instance }
        throw notReady(instance.path)
      }
      if (to === 'PROVISIONING') checkRoom(ask, instance.body['machineType'])
      instance.life.enter(to)
      return { target: instance, afterMs: ask.world.delays.vm }
    })
}

function checkRoom({ world, path }: ComputeAsk, machineType: unknown): void {
  const region = regionOf(world, path['zone'] ?? '')
  if (cpusIn(world, region) + machineTypeOf(machineType).guestCpus <= world.compute.cpuQuota) return
  throw new Refusal(
    403,
    'quotaExceeded',
    `Quota 'CPUS' exceeded.  Limit: ${world.compute.cpuQuota}.0 in region ${region}.`,
  )
}
