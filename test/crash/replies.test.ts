import { afterAll, beforeAll } from 'vitest'
import { lostReplies } from '#test/crash/lost-replies.ts'
import { calmLeaseMs, openWorld, type World } from '#test/crash/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld({ leaseMs: calmLeaseMs })
  await world.keepAlive(1)
})
afterAll(() => world.close())

lostReplies(() => world, [['aws', 'azure']])
