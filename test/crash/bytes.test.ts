import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CloudName } from '#test/crash/pair.ts'
import { openWire, type Wire } from '#test/crash/wire.ts'
import { openWorld, type World } from '#test/crash/world.ts'

const chunks = 10

const operations = {
  aws: { read: 'GetSnapshotBlock', write: 'PutSnapshotBlock' },
  azure: { read: 'Blob_Download', write: 'PageBlob_UploadPages' },
}

let world: World
let wire: Wire | undefined
beforeAll(async () => {
  world = await openWorld()
  await world.keepAlive(1)
})
afterAll(async () => {
  wire?.close()
  await world.close()
})

describe.each<[CloudName, CloudName]>([
  ['aws', 'azure'],
  ['azure', 'aws'],
])('%s to %s', (from, to) => {
  test.concurrent('bytes that arrive damaged from the source are read again', async () => {
    const pair = await world.openPair({ from, to, chunks })
    // The first reads look at the partition table; those after belong to the copy.
    pair.source.loopback.inject({ operation: operations[from].read, mode: 'corrupt_read', skip: 6, times: 3 })
    expect(await world.finished(await pair.migrate())).toMatchObject({ state: 'succeeded', residue: [] })
    expect(await pair.destinationIsIdentical()).toBe(true)
    const reads = pair.source.loopback.calls().filter(({ operation }) => operation === operations[from].read)
    expect(reads.length).toBeGreaterThan(chunks + 3)
  })

  test.concurrent('a byte that the destination keeps wrong is found before a VM is made of it, and all is taken back', async () => {
    const pair = await world.openPair({ from, to, chunks })
    pair.destination.loopback.inject({ operation: operations[to].write, mode: 'corrupt_stored', skip: 4 })
    const job = await world.finished(await pair.migrate())
    expect(job).toMatchObject({ state: 'failed', problem: { code: 'disk_mismatch', step: 'verify' } })
    expect(job.residue).toEqual([])
    expect(pair.leftovers()).toEqual([])
    expect((await pair.sourceVm())?.state).toBe('running')
  })

  test.concurrent('a boot disk of which the source lists nothing is not taken for copied', async () => {
    const pair = await world.openPair({ from, to, chunks: 0 })
    const job = await world.finished(await pair.migrate())
    expect(job).toMatchObject({ state: 'failed', problem: { code: 'boot_disk_empty', step: 'copy' } })
    expect(pair.leftovers()).toEqual([])
  })

  test.concurrent('a source that damages every read is read again and again, and never believed', async () => {
    const pair = await world.openPair({ from, to, chunks })
    const jobId = await pair.migrate({ options: { boot_check: { timeout_ms: 1 } } })
    pair.source.loopback.inject({
      operation: operations[from].read,
      mode: 'corrupt_read',
      skip: 8,
      times: 100_000,
    })
    await world.until('a damaged read to be tried again', async () => {
      const { rows } = await world.db.query(
        `select 1 from job_steps where job_id = $1 and problem ->> 'code' = 'integrity'`,
        [jobId],
      )
      return rows.length > 0
    })
    await world.cancel(jobId)
    expect(await world.finished(jobId)).toMatchObject({ state: 'cancelled', residue: [] })
    expect(pair.leftovers()).toEqual([])
  })
})

test.concurrent('a byte that is flipped on its way to the destination is refused there and sent again', async () => {
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
