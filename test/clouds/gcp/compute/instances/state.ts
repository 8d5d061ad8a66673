import type { Transitions } from '#test/clouds/core/clock.ts'
import { machineTypeOf } from '#test/clouds/gcp/compute/places.ts'
import { remove } from '#test/clouds/gcp/compute/things.ts'
import type { Body, Thing } from '#test/clouds/gcp/compute/world.ts'
import type { World } from '#test/clouds/gcp/world.ts'

/** A disk as an instance holds it. */
export interface AttachedDisk extends Body {
  source: string
  boot: boolean
  autoDelete: boolean
  deviceName: string
}

/** https://cloud.google.com/compute/docs/instances/instance-lifecycle; GONE is ours, of one whose deletion is over. */
export const transitionsOf = ({ delays: { vm: afterMs } }: World): Transitions<string> => ({
  PROVISIONING: { to: 'STAGING', afterMs: afterMs / 2 },
  STAGING: { to: 'RUNNING', afterMs: afterMs / 2 },
  STOPPING: { to: 'TERMINATED', afterMs },
  SUSPENDING: { to: 'SUSPENDED', afterMs },
  DELETING: { to: 'GONE', afterMs },
})

/** What entering a state does to the machine behind an instance, and to what goes with it. */
export function onEnter(world: World, instance: () => Thing): (state: string) => void {
  return (state) => {
    const thing = instance()
    if (state === 'RUNNING') {
      const diskPaths = disksOf(thing)
        .toSorted((a, b) => Number(b.boot) - Number(a.boot))
        .filter(({ source }) => world.disks.has(source))
        .map(({ source }) => world.disks.path(source))
      const memoryMib = machineTypeOf(thing.body['machineType']).memoryMb
      if (diskPaths.length > 0) world.later(world.machines.start(thing.path, { diskPaths, memoryMib }))
    } else if (state !== 'PROVISIONING' && state !== 'STAGING') world.later(world.machines.stop(thing.path))
    if (state === 'GONE') bury(world, thing)
  }
}

/** Passes every instance through the states that have fallen due. */
export function settle(world: World): void {
  for (const thing of world.compute.things.values()) if (thing.collection === 'instances') thing.life.state()
}

export const disksOf = ({ body }: Thing): AttachedDisk[] => body['disks'] as AttachedDisk[]

function bury(world: World, instance: Thing): void {
  const { things } = world.compute
  if (things.get(instance.path) === instance) things.delete(instance.path)
  for (const { source, autoDelete } of disksOf(instance)) {
    const disk = autoDelete ? things.get(source) : undefined
    if (disk) remove(world, disk)
  }
}
