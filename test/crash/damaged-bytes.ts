import { describe, expect, test } from 'vitest'
import type { CloudName } from '#test/crash/pair.ts'
import { comeTo } from '#test/crash/watch.ts'
import type { World } from '#test/crash/world.ts'

export const chunks = 10

/**
 * How each cloud's bytes are read and written. `opens`: calls of the same operation before the first byte of the disk is read. `reads`: how
 * often a disk is read from if nothing is damaged. `finds`: what finds a chunk that is kept wrong. Google reads the chunks itself, as
 * packed, to make an image of them; what it then keeps wrong in the image is for us to find.
 */
const clouds = {
  aws: {
    read: 'GetSnapshotBlock',
    opens: 0,
    reads: chunks,
    write: 'PutSnapshotBlock',
    finds: { code: 'disk_mismatch', step: 'verify' },
  },
  azure: {
    read: 'Blob_Download',
    opens: 0,
    reads: chunks,
    write: 'PageBlob_UploadPages',
    finds: { code: 'disk_mismatch', step: 'verify' },
  },
  gcp: {
    read: 'storage.objects.get',
    opens: 3,
    reads: Math.ceil(chunks / 8),
    write: 'storage.objects.insert',
    finds: { code: 'integrity', step: 'copy' },
  },
}

/** Of each order, what becomes of bytes that are read wrong, kept wrong or not there. `world` is asked for when a test runs. */
export function damagedBytes(world: () => World, orders: [from: CloudName, to: CloudName][]): void {
  describe.each(orders)('%s to %s', (from, to) => {
    test.concurrent('bytes that arrive damaged from the source are read again', async () => {
      const pair = await world().openPair({ from, to, chunks })
      const { read, opens, reads } = clouds[from]
      const { jobId, begin } = await comeTo(world(), pair, 'copy')
      pair.source.loopback.clearCalls()
      pair.source.loopback.inject({ operation: read, mode: 'corrupt_read', skip: opens, times: 3 })
      await begin()
      expect(await world().finished(jobId)).toMatchObject({ state: 'succeeded', residue: [] })
      expect(await pair.destinationIsIdentical()).toBe(true)
      const made = pair.source.loopback.calls().filter(({ operation }) => operation === read)
      expect(made.length).toBeGreaterThanOrEqual(opens + reads + 3)
    })

    test.concurrent('a byte that the destination keeps wrong is found before a VM is made of it, and all is taken back', async () => {
      const pair = await world().openPair({ from, to, chunks })
      pair.destination.loopback.inject({ operation: clouds[to].write, mode: 'corrupt_stored', skip: 4 })
      const job = await world().finished(await pair.migrate())
      expect(job).toMatchObject({ state: 'failed', problem: clouds[to].finds, residue: [] })
      expect(pair.leftovers()).toEqual([])
      expect((await pair.sourceVm())?.state).toBe('running')
    })

    test.concurrent('a boot disk of which the source lists nothing is not taken for copied', async () => {
      const pair = await world().openPair({ from, to, chunks: 0 })
      const job = await world().finished(await pair.migrate())
      expect(job).toMatchObject({ state: 'failed', problem: { code: 'boot_disk_empty', step: 'copy' } })
      expect(pair.leftovers()).toEqual([])
    })

    test.concurrent('a source that damages every read is read again and again, and never believed', async () => {
      const pair = await world().openPair({ from, to, chunks })
      const { jobId, begin } = await comeTo(world(), pair, 'copy')
      pair.source.loopback.inject({
        operation: clouds[from].read,
        mode: 'corrupt_read',
        skip: clouds[from].opens,
        times: 100_000,
      })
      await begin()
      await world().until('a damaged read to be tried again', async () => {
        const { rows } = await world().db.query(
          `select 1 from job_steps where job_id = $1 and problem ->> 'code' = 'integrity'`,
          [jobId],
        )
        return rows.length > 0
      })
      await world().cancel(jobId)
      expect(await world().finished(jobId)).toMatchObject({ state: 'cancelled', residue: [] })
      expect(pair.leftovers()).toEqual([])
    })
  })
}
