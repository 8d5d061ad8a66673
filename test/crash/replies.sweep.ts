import { afterAll, beforeAll } from 'vitest'
import { lostReplies } from '#test/crash/lost-replies.ts'
import { openWorld, type World } from '#test/crash/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
  await world.keepAlive(1)
})
afterAll(() => world.close())

lostReplies(
  () => world,
  [
    ['azure', 'aws'],
    ['azure', 'gcp'],
    ['gcp', 'aws'],
  ],
)
