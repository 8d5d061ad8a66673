import { afterAll, beforeAll, expect, test } from 'vitest'
import { killedInMidCopy } from '#test/crash/killed-copy.ts'
import { isAscending, kindsOf, movedVm, progressOf, slowCopyDown } from '#test/crash/watch.ts'
import { openWorld, type World } from '#test/crash/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

killedInMidCopy(
  () => world,
  [
    ['azure', 'aws'],
    ['aws', 'gcp'],
    ['gcp', 'azure'],
  ],
)

test('two workers that are killed again and again still move the VM: once, and identical', async () => {
  const random = seeded(20_261_123)
  const [pair] = await Promise.all([
    world.openPair({ from: 'azure', to: 'aws', chunks: 24 }),
    world.keepAlive(2),
  ])
  slowCopyDown(pair, 100)
  const jobId = await pair.migrate()
  const samples: number[] = []
  for (let kills = 0; kills < 3; kills += 1) {
    await new Promise((resolve) => setTimeout(resolve, random() * 1_500))
    const alive = world.workers.filter((worker) => worker.alive)
    await alive[Math.floor(random() * alive.length)]?.kill()
    samples.push(await progressNow(jobId))
    await world.keepAlive(2)
  }
  pair.clearFaults()

  expect(await world.finished(jobId)).toMatchObject({ state: 'succeeded', residue: [] })
  expect(isAscending(samples)).toBe(true)
  expect(isAscending(progressOf(await world.events(jobId)))).toBe(true)
  expect(await pair.destinationIsIdentical()).toBe(true)
  expect(kindsOf(pair.leftovers())).toEqual(movedVm.aws)
})

async function progressNow(jobId: string): Promise<number> {
  const { rows } = await world.db.query<{ progress: number }>('select progress from jobs where id = $1', [
    jobId,
  ])
  return rows[0]?.progress ?? 0
}

/** A small generator of numbers from 0 to 1 that is the same in every run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
