import { afterAll, beforeAll, beforeEach, describe } from 'vitest'
import { bucketSuite } from '#test/workers/resources/suites/buckets.ts'
import { imageSuite } from '#test/workers/resources/suites/images.ts'
import { networkSuite } from '#test/workers/resources/suites/networks.ts'
import { readingSuite } from '#test/workers/resources/suites/readings.ts'
import { snapshotSuite } from '#test/workers/resources/suites/snapshots.ts'
import { syncSuite } from '#test/workers/resources/suites/sync.ts'
import { vmSuite } from '#test/workers/resources/suites/vms.ts'
import { volumeSuite } from '#test/workers/resources/suites/volumes.ts'
import { startWorld, type TestedCloud, type World } from '#test/workers/resources/world.ts'

/** All that tenants do with a cloud beside making VMs, against one loopback cloud. */
export function cloudSuites(type: TestedCloud): void {
  describe(`on ${type}`, () => {
    let world: World
    beforeAll(async () => {
      world = await startWorld(type)
    })
    beforeEach(() => {
      world.cloud.clearFaults()
      world.cloud.clearCalls()
    })
    afterAll(() => world.close())

    const current = () => world
    networkSuite(current)
    volumeSuite(current)
    snapshotSuite(current)
    bucketSuite(current)
    imageSuite(current)
    vmSuite(current)
    syncSuite(current)
    readingSuite(current)
  })
}
