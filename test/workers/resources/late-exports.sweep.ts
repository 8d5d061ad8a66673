import { afterAll, beforeAll, describe } from 'vitest'
import { lateExportSuite } from '#test/workers/resources/suites/late-exports.ts'
import { startWorld, type World } from '#test/workers/resources/world.ts'

describe.each(['aws', 'azure', 'gcp'] as const)('on %s', (type) => {
  let world: World
  beforeAll(async () => {
    world = await startWorld(type)
  })
  afterAll(() => world.close())
  lateExportSuite(() => world)
})
