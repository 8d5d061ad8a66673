import { afterAll, beforeAll, expect, test } from 'vitest'
import { chunks, damagedBytes } from '#test/crash/damaged-bytes.ts'
import { calmLeaseMs, openWorld, type World } from '#test/crash/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld({ leaseMs: calmLeaseMs })
  await world.keepAlive(1)
})
afterAll(() => world.close())

damagedBytes(
  () => world,
  [
    ['aws', 'azure'],
    ['azure', 'aws'],
    ['azure', 'gcp'],
    ['gcp', 'aws'],
  ],
)

test.concurrent('a byte that Google Cloud keeps wrong in the image is found before a VM is made of it, and all is taken back', async () => {
  const pair = await world.openPair({ from: 'aws', to: 'gcp', chunks })
  pair.destination.loopback.inject({ operation: 'compute.images.insert', mode: 'corrupt_stored' })
  const job = await world.finished(await pair.migrate())
  expect(job).toMatchObject({
    state: 'failed',
    problem: { code: 'disk_mismatch', step: 'verify' },
    residue: [],
  })
  expect(pair.leftovers()).toEqual([])
})
