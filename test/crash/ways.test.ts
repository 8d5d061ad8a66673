import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CloudName } from '#test/crash/pair.ts'
import { openWorld, type World } from '#test/crash/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
  await world.keepAlive(1)
})
afterAll(() => world.close())

test.concurrent.for<[CloudName, CloudName]>([
  ['aws', 'gcp'],
  ['gcp', 'azure'],
])('a VM moves from %s to %s with every byte', { timeout: 60_000 }, async ([from, to]) => {
  const pair = await world.openPair({ from, to, chunks: 10 })
  expect(await world.finished(await pair.migrate())).toMatchObject({ state: 'succeeded', residue: [] })
  expect(await pair.destinationIsIdentical()).toBe(true)
})
