import { afterAll, beforeAll, expect, test } from 'vitest'
import { chunks } from '#test/crash/damaged-bytes.ts'
import { openWire, type Wire } from '#test/crash/wire.ts'
import { calmLeaseMs, openWorld, type World } from '#test/crash/world.ts'

let world: World
let wire: Wire | undefined
beforeAll(async () => {
  world = await openWorld({ leaseMs: calmLeaseMs })
  await world.keepAlive(1)
})
afterAll(async () => {
  wire?.close()
  await world.close()
})

test('a byte that is flipped on its way to the destination is refused there and sent again', async () => {
  const pair = await world.openPair({
    from: 'azure',
    to: 'aws',
    chunks,
    via: async (url) => {
      wire = await openWire(url)
      return wire.url
    },
  })
  const jobId = await pair.migrate()
  await world.until('the first chunk to be written', () =>
    pair.calls().some(({ operation }) => operation === 'PutSnapshotBlock'),
  )
  wire?.damage(3)
  expect(await world.finished(jobId)).toMatchObject({ state: 'succeeded', residue: [] })
  expect(wire?.damaged()).toBe(3)
  expect(await pair.destinationIsIdentical()).toBe(true)
})
