import { expect, test } from 'vitest'
import { wholeCalls } from '#test/crash/operations.ts'
import type { CloudName } from '#test/crash/pair.ts'
import { kindsOf, movedVm } from '#test/crash/watch.ts'
import type { World } from '#test/crash/world.ts'

/** Of each order, a migration of which every call that changes something as a whole loses its reply. `world` is asked for when a test runs. */
export function lostReplies(world: () => World, orders: [from: CloudName, to: CloudName][]): void {
  test.concurrent.each(orders)(
    '%s to %s: where the reply to each call that changes something is lost, everything is still made once and nothing is left over',
    async (from, to) => {
      const pair = await world().openPair({ from, to, chunks: 4 })
      const lost = [...wholeCalls[from].source, ...wholeCalls[to].destination]
      for (const operation of lost) pair.inject({ operation, mode: 'drop_reply' })
      expect(await world().finished(await pair.migrate())).toMatchObject({ state: 'succeeded', residue: [] })
      expect(await pair.destinationIsIdentical()).toBe(true)
      expect(kindsOf(pair.leftovers())).toEqual(movedVm[to])
      for (const operation of lost)
        expect(
          pair.calls().map((call) => call.operation),
          'the fault hit',
        ).toContain(operation)
    },
  )
}
