import { describe, expect, test } from 'vitest'
import type { CloudName } from '#test/crash/pair.ts'
import { countChunkWrites, isAscending, midCopy, progressOf, slowCopyDown } from '#test/crash/watch.ts'
import type { World } from '#test/crash/world.ts'

/** The copy step's chunks in flight (workers/migration/copy.ts). */
export const slots = 8
export const chunks = 40

/** Of each order, a worker that is killed while it copies. `world` is asked for when a test runs. */
export function killedInMidCopy(world: () => World, orders: [from: CloudName, to: CloudName][]): void {
  describe.each(orders)('%s to %s', (from, to) => {
    test('a worker killed in mid-copy costs at most the chunks that were in flight, and another one finishes', async () => {
      const [pair] = await Promise.all([world().openPair({ from, to, chunks }), world().keepAlive(2)])
      slowCopyDown(pair)
      const jobId = await pair.migrate()
      await midCopy(world(), jobId, 10)
      const holder = await world().holderOf(jobId, 'copy')
      await holder.kill()
      expect(await world().copiedChunks(jobId)).toBeLessThan(chunks)
      pair.clearFaults()

      expect(await world().finished(jobId)).toMatchObject({ state: 'succeeded', residue: [] })
      expect(await pair.destinationIsIdentical()).toBe(true)
      expect(countChunkWrites(pair)).toBeLessThanOrEqual(chunks + slots)
      // What Google has made of a disk to read it by is found again.
      const exports = pair
        .calls()
        .filter(({ operation }) => operation === 'cloudbuild.projects.builds.create')
      expect(exports).toHaveLength([from, to].filter((name) => name === 'gcp').length)
      const events = await world().events(jobId)
      expect(isAscending(progressOf(events))).toBe(true)
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, nr) => nr + 1))
    })
  })
}
