import { afterAll, beforeAll, expect, test } from 'vitest'
import { wholeCalls } from '#test/crash/operations.ts'
import type { CloudName } from '#test/crash/pair.ts'
import { kindsOf, movedVm } from '#test/crash/watch.ts'
import { openWorld, type World } from '#test/crash/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
  await world.keepAlive(1)
})
afterAll(() => world.close())

test.concurrent.each<[CloudName, CloudName]>([
  ['aws', 'azure'],
  ['azure', 'aws'],
  ['azure', 'gcp'],
  ['gcp', 'aws'],
])(
  '%s to %s: where the reply to each call that changes something is lost, everything is still made once and nothing is left over',
  async (from, to) => {
    const pair = await world.openPair({ from, to, chunks: 4 })
    const lost = [...wholeCalls[from].source, ...wholeCalls[to].destination]
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
