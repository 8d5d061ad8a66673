import { afterAll, beforeAll, expect, test } from 'vitest'
import { chunks, killedInMidCopy, slots } from '#test/crash/killed-copy.ts'
import { countChunkWrites, isAscending, midCopy, progressOf, slowCopyDown } from '#test/crash/watch.ts'
import { openWorld, type World } from '#test/crash/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

killedInMidCopy(() => world, [['aws', 'azure']])

test('a worker that is told to stop hands its step back and exits with 0; the next one goes on where it was', async () => {
  const [pair] = await Promise.all([world.openPair({ from: 'aws', to: 'azure', chunks }), world.keepAlive(2)])
  slowCopyDown(pair)
  const jobId = await pair.migrate()
  await midCopy(world, jobId, 10)
  const holder = await world.holderOf(jobId, 'copy')
  expect(await holder.terminate()).toBe(0)
  pair.clearFaults()

  expect(await world.finished(jobId)).toMatchObject({ state: 'succeeded', residue: [] })
  expect(await pair.destinationIsIdentical()).toBe(true)
  expect(countChunkWrites(pair)).toBeLessThanOrEqual(chunks + slots)
  const events = await world.events(jobId)
  const handedBack = events.findIndex(({ type }) => type === 'step.handed_back')
  expect(events[handedBack]?.data).toMatchObject({ step: 'copy' })
  expect(isAscending(progressOf(events))).toBe(true)
  expect(Math.min(...progressOf(events.slice(handedBack)))).toBeGreaterThanOrEqual(
    Math.max(...progressOf(events.slice(0, handedBack))),
  )
  // What was handed back is taken up at once, and not when a lease has run out.
  const takenUp = events[handedBack + 1]
  expect(takenUp).toMatchObject({ type: 'step.started', data: { step: 'copy' } })
  expect(takenUp?.data['holder']).not.toBe(holder.id)
})
