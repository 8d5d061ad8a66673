import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CloudName } from '#test/crash/pair.ts'
import { kindsOf, movedVm } from '#test/crash/watch.ts'
import { openWorld, type World } from '#test/crash/world.ts'

/** Every call of a migration that makes, changes or removes something as a whole. */
const operations = {
  aws: {
    source: ['StopInstances', 'CreateSnapshot', 'DeleteSnapshot'],
    destination: ['StartSnapshot', 'CompleteSnapshot', 'RegisterImage', 'RunInstances', 'DeregisterImage'],
  },
  azure: {
    source: ['VirtualMachines_Deallocate', 'Snapshots_CreateOrUpdate', 'Snapshots_Delete'],
    destination: [
      'Disks_CreateOrUpdate',
      'Disks_RevokeAccess',
      'NetworkInterfaces_CreateOrUpdate',
      'VirtualMachines_CreateOrUpdate',
    ],
  },
}

let world: World
beforeAll(async () => {
  world = await openWorld()
  await world.keepAlive(1)
})
afterAll(() => world.close())

test.concurrent.each<[CloudName, CloudName]>([
  ['aws', 'azure'],
  ['azure', 'aws'],
])(
  '%s to %s: where the reply to each call that changes something is lost, everything is still made once and nothing is left over',
  async (from, to) => {
    const pair = await world.openPair({ from, to, chunks: 4 })
    const lost = [...operations[from].source, ...operations[to].destination]
    for (const operation of lost) pair.inject({ operation, mode: 'drop_reply' })
    expect(await world.finished(await pair.migrate())).toMatchObject({ state: 'succeeded', residue: [] })
    expect(await pair.destinationIsIdentical()).toBe(true)
    expect(kindsOf(pair.leftovers())).toEqual(movedVm[to])
    for (const operation of lost)
      expect(
        pair.calls().map((call) => call.operation),
        'the fault hit',
      ).toContain(operation)
  },
)
