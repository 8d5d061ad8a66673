import { afterAll, beforeAll, expect, test } from 'vitest'
import { outlines } from '#shared/jobs/outlines.ts'
import type { CloudName } from '#test/crash/pair.ts'
import { changes, comeTo, delayCalls, kindsOf, movedVm } from '#test/crash/watch.ts'
import { openWorld, type World } from '#test/crash/world.ts'

const steps = outlines['migration.cold'].steps.map(({ name }) => name)
const rounds: { between: string; orders: [CloudName, CloudName][] }[] = [
  {
    between: 'AWS and Azure',
    orders: [
      ['aws', 'azure'],
      ['azure', 'aws'],
    ],
  },
  {
    between: 'Google Cloud and the others',
    orders: [
      ['azure', 'gcp'],
      ['gcp', 'aws'],
    ],
  },
]

/** Less than a lease: when another worker looks, what the dead one had asked for has happened. */
const inFlightMs = 1_000

let world: World
const startWorker = () => world.startWorker({ CONCURRENCY: String(2 * steps.length) })
beforeAll(async () => {
  world = await openWorld()
  await startWorker()
})
afterAll(() => world.close())

test.each(rounds)(
  '$between: a worker that dies in the middle of whichever step leaves nothing that the next one cannot finish',
  { timeout: 120_000 },
  async ({ orders }) => {
    const sides = await Promise.all(orders.map(prepare))
    await Promise.all(sides.flatMap(({ migrations }) => migrations.map(({ begin }) => begin())))
    await world.until('a call of every step that changes something', () =>
      sides.every(({ arrivals }) => arrivals.every((arrived) => arrived())),
    )
    await Promise.all(world.workers.map((worker) => worker.kill()))
    for (const { pair } of sides) pair.clearFaults()
    await startWorker()

    for (const { pair, migrations, to } of sides) {
      for (const [nr, { jobId }] of migrations.entries())
        expect({ died: steps[nr], ...(await world.finished(jobId)) }).toMatchObject({
          died: steps[nr],
          state: 'succeeded',
          residue: [],
        })
      expect(kindsOf(pair.leftovers())).toEqual(movedVm[to].flatMap((kind) => steps.map(() => kind)))
      expect(await pair.destinationIsIdentical(steps.length)).toBe(true)
      for (const vm of pair.vms) expect((await pair.sourceVm(vm))?.state).toBe('stopped')
    }
  },
)

/** As many migrations as there are steps, each about to begin another one, on clouds that take their time. */
async function prepare([from, to]: [CloudName, CloudName]) {
  const pair = await world.openPair({ from, to, chunks: 3, vms: steps.length })
  const migrations = await Promise.all(
    steps.map((step, nr) => comeTo(world, pair, step, { vm_id: pair.vms[nr]?.id ?? '' })),
  )
  const arrivals = Object.keys(changes).map((step) => delayCalls(pair, step, inFlightMs))
  delayCalls(pair, 'the steps that only look', inFlightMs / 10)
  return { pair, migrations, arrivals, to }
}
