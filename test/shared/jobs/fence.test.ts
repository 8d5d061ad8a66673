import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { postgresJournal } from '#shared/disks/journal.ts'
import { heldUntil, type ClaimedStep } from '#shared/jobs/claim.ts'
import { holdLease } from '#shared/jobs/lease.ts'
import { writeCheckpoint, writeProgress } from '#shared/jobs/report.ts'
import { applyTransitions } from '#shared/jobs/transition.ts'
import { createStore, type Store } from '#test/shared/jobs/store.ts'

let store: Store
beforeAll(async () => {
  store = await createStore()
})
afterAll(() => store.close())

/** A step whose first holder's lease ran out and that another worker has taken over. */
async function takenOver() {
  const jobId = await store.submit()
  const stale = (await store.claim(jobId, { leaseMs: 1, holder: 'slow' })) as ClaimedStep
  await new Promise((resolve) => setTimeout(resolve, 10))
  const current = (await store.claim(jobId, { holder: 'quick' })) as ClaimedStep
  return { jobId, stale, current }
}

const snapshotOf = async (jobId: string) => ({
  step: await store.step(jobId),
  jobs: (await store.db.query('select * from jobs where id = $1', [jobId])).rows,
  events: (await store.db.query('select * from job_events where job_id = $1 order by seq', [jobId])).rows,
  outbox: await store.outbox(jobId),
})

describe('claiming', () => {
  test('of many workers that want a step, one gets it', async () => {
    const jobId = await store.submit()
    const claims = await Promise.all(Array.from({ length: 10 }, () => store.claim(jobId)))
    expect(claims.filter(Boolean)).toHaveLength(1)
  })

  test('a step that is held cannot be taken before its lease has run out, and the dispatch says until when', async () => {
    const jobId = await store.submit()
    await store.claim(jobId, { leaseMs: 60_000 })
    expect(await store.claim(jobId)).toBeUndefined()
    const until = await heldUntil(store.db, { jobId, direction: 'do', position: 0, epoch: 1 })
    expect(until?.getTime()).toBeGreaterThan(Date.now() + 50_000)
  })

  test('taking over raises the fence and keeps the checkpoint', async () => {
    const jobId = await store.submit()
    const first = (await store.claim(jobId, { leaseMs: 30 })) as ClaimedStep
    expect(await writeCheckpoint(store.db, first, { at: 5 })).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 60))
    const second = await store.claim(jobId)
    expect(second).toMatchObject({ fence: first.fence + 1, checkpoint: { at: 5 } })
  })

  test('a dispatch of an earlier epoch takes nothing', async () => {
    const jobId = await store.submit()
    await store.db.query('update job_steps set epoch = 2 where job_id = $1', [jobId])
    expect(await store.claim(jobId, { epoch: 1 })).toBeUndefined()
    expect(await heldUntil(store.db, { jobId, direction: 'do', position: 0, epoch: 1 })).toBeUndefined()
    expect(await store.claim(jobId, { epoch: 2 })).toMatchObject({ name: 'one' })
  })
})

describe('a worker that lost its step', () => {
  test('moves neither step nor job, records no event and dispatches nothing', async () => {
    const { jobId, stale } = await takenOver()
    const before = await snapshotOf(jobId)
    const applied = await applyTransitions(store.db, [
      {
        ...stale,
        stepState: 'succeeded',
        outputs: { a: 1 },
        progress: 1,
        next: { direction: 'do', position: 1, name: 'two', queue: 'provisioning' },
        events: [{ type: 'step.succeeded' }],
      },
    ])
    expect(applied).toEqual([false])
    expect(await snapshotOf(jobId)).toEqual(before)
  })

  test('keeps no checkpoint and tells no progress', async () => {
    const { jobId, stale } = await takenOver()
    const before = await snapshotOf(jobId)
    expect(await writeCheckpoint(store.db, stale, { at: 9 })).toBe(false)
    const report = { done: 9, total: 10, detail: undefined, jobProgress: 0.9, eta: undefined }
    expect(await writeProgress(store.db, stale, report)).toBe(false)
    expect(await snapshotOf(jobId)).toEqual(before)
  })

  test('writes nothing into the journal of a copy', async () => {
    const { stale, current } = await takenOver()
    const grid = { sizeBytes: 4096, chunkBytes: 1024 }
    const mine = postgresJournal(store.db, `transfer of ${current.jobId}`, current)
    await mine.open(grid)
    await mine.record([{ index: 0 }])
    const theirs = postgresJournal(store.db, `transfer of ${current.jobId}`, stale)
    await theirs.open(grid)
    await expect(theirs.record([{ index: 1 }])).rejects.toMatchObject({ code: 'lease_lost' })
    const { rows } = await store.db.query('select chunk from copied_chunks where transfer_id = $1', [
      `transfer of ${current.jobId}`,
    ])
    expect(rows).toEqual([{ chunk: 0 }])
  })

  test('does not spoil the batch that its write shares with those of others', async () => {
    const { stale } = await takenOver()
    const other = await store.submit()
    const held = (await store.claim(other)) as ClaimedStep
    const end = { stepState: 'failed' as const, events: [{ type: 'step.failed' }] }
    expect(
      await applyTransitions(store.db, [
        { ...stale, ...end },
        { ...held, ...end },
      ]),
    ).toEqual([false, true])
  })

  test('hears of it by the next renewal, before it can do anything more', async () => {
    const jobId = await store.submit()
    const step = (await store.claim(jobId)) as ClaimedStep
    const lease = holdLease(store.db, step, {
      leaseMs: 3_000,
      claimedAtMs: performance.now(),
      stoppable: true,
    })
    try {
      expect(() => lease.assertHeld()).not.toThrow()
      await store.db.query('update job_steps set fence = fence + 1 where job_id = $1', [jobId])
      // Renewals come three times per lease; by its own clock it would still hold.
      await expect.poll(() => lease.interruption()?.code, { timeout: 2_500 }).toBe('lease_lost')
      expect(() => lease.assertHeld()).toThrow(expect.objectContaining({ code: 'lease_lost' }))
      expect(lease.signal.aborted).toBe(true)
    } finally {
      lease.end()
    }
  })
})

test('a holder that slept past its lease knows it at once by its own clock, without asking', async () => {
  const jobId = await store.submit()
  const step = (await store.claim(jobId)) as ClaimedStep
  const lease = holdLease(store.db, step, { leaseMs: 200, claimedAtMs: performance.now(), stoppable: true })
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 250)
    expect(() => lease.assertHeld()).toThrow(expect.objectContaining({ code: 'lease_lost' }))
  } finally {
    lease.end()
  }
})
