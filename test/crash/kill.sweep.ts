import { afterAll, beforeAll } from 'vitest'
import { killedInMidCopy } from '#test/crash/killed-copy.ts'
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
