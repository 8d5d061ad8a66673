import { afterAll, beforeAll } from 'vitest'
import { pausedWorker } from '#test/crash/paused-worker.ts'
import { openWorld, type World } from '#test/crash/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
  await world.keepAlive(2)
})
afterAll(() => world.close())

pausedWorker(() => world, { rounds: 6 })
