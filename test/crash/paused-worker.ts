import { expect, test } from 'vitest'
import { newId } from '#shared/ids.ts'
import { avoidable, strayCalls, strayWrites, type Wake } from '#test/crash/strays.ts'
import { midCopy, slowCopyDown } from '#test/crash/watch.ts'
import type { World } from '#test/crash/world.ts'

/** A copy whose worker is paused that many times, at moments of chance. `world` has two workers, and is asked for when the test runs. */
export function pausedWorker(world: () => World, { rounds }: { rounds: number }): void {
  // A round takes about 4 s; on a busy machine it takes ten times as long, and so does the way to the first.
  const timeout = (rounds + 2) * 60_000
  test(
    'a worker paused past its lease and resumed calls no cloud and writes nothing after another one took over',
    { timeout },
    async () => {
      const pair = await world().openPair({ from: 'aws', to: 'azure', chunks: (rounds + 1) * 40 })
      slowCopyDown(pair, 250)
      const jobId = newId('job')
      // Nobody goes on after the copy until it has been seen that all keep still.
      const gate = await world().hold(jobId, 'do', 'verify')
      await pair.migrate({}, jobId)
      await midCopy(world(), jobId, 8)
      const wakes: Wake[] = []
      for (let round = 0; round < rounds; round += 1) {
        const paused = await world().holderOf(jobId, 'copy')
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 400))
        paused.pause()
        await world().until('another worker to take over', async () => {
          const holder = await world().holderOf(jobId, 'copy')
          return holder.id !== paused.id
        })
        wakes.push({ id: paused.id, atMs: Date.now() })
        paused.resume()
        // Let it wake up and find out, while the other one copies.
        await new Promise((resolve) => setTimeout(resolve, 300))
      }
      pair.clearFaults()
      await world().until('the copy to be done', () => gate.reached())

      const events = await world().events(jobId)
      const takeovers = events.filter(({ type, data }) => type === 'step.started' && data['step'] === 'copy')
      expect(takeovers.length).toBeGreaterThanOrEqual(rounds + 1)
      expect(avoidable(strayCalls(pair, events, world().workers), wakes)).toEqual([])
      expect(strayWrites(await world().audit(), events, world().workers)).toEqual([])

      await gate.open()
      expect(await world().finished(jobId)).toMatchObject({ state: 'succeeded', residue: [] })
      expect(await pair.destinationIsIdentical()).toBe(true)
      expect(avoidable(strayCalls(pair, await world().events(jobId), world().workers), wakes)).toEqual([])
    },
  )
}
