import { Redis } from 'ioredis'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { newId } from '#shared/ids.ts'
import { openQueues, type Queues } from '#shared/jobs/queues.ts'
import { startRelay, type Relay } from '#shared/jobs/relay.ts'
import { startRepair, type Repair } from '#shared/jobs/repair.ts'
import { createStore, type Store } from '#test/shared/jobs/store.ts'
import { testRedisUrl } from '#test/setup/queue.ts'

const log = pino({ level: 'silent' })
const nothing = { expired: 0, overdue: 0, forgotten: 0 }

describe.each(['postgres', 'redis'] as const)('on queues in %s', (backend) => {
  const skipped = backend === 'redis' && !testRedisUrl()
  const prefix = newId('req')
  let store: Store
  let queues: Queues
  let repair: Repair
  let relay: Relay | undefined
  beforeEach(async () => {
    if (skipped) return
    store = await createStore()
    const redisUrl = backend === 'redis' ? testRedisUrl() : undefined
    queues = await openQueues({ databaseUrl: store.url, redisUrl, prefix })
    await queues.imprint()
    repair = startRepair({
      db: store.db,
      queues,
      log,
      onDispatched: () => {},
      everyMs: 3_600_000,
      patienceMs: 200,
    })
  })
  afterEach(async () => {
    if (skipped) return
    await relay?.stop()
    relay = undefined
    await repair.stop()
    await queues.close()
    await store.close()
  })

  /** Has the outbox carried to the queues. */
  const handOver = async () => {
    relay ??= startRelay({ db: store.db, queues, log })
    relay.kick()
    await expect.poll(async () => (await store.db.query('select 1 from outbox')).rowCount).toBe(0)
  }
  const age = (jobId: string) =>
    store.db.query(`update job_steps set updated_at = now() - interval '1 minute' where job_id = $1`, [jobId])

  test.skipIf(skipped)('a step whose holder let its lease run out is dispatched again, once', async () => {
    const jobId = await store.submit()
    await handOver()
    await store.claim(jobId)
    expect(await repair.round()).toEqual(nothing)
    await store.db.query(
      `update job_steps set lease_until = now() - interval '2 seconds' where job_id = $1`,
      [jobId],
    )
    expect(await repair.round()).toEqual({ ...nothing, expired: 1 })
    expect(await store.step(jobId)).toMatchObject({ state: 'queued', epoch: 2, holder: null })
    expect(await store.outbox(jobId)).toEqual([{ position: 0, epoch: 2, delayed: false }])
    expect(await repair.round()).toEqual(nothing)
  })

  test.skipIf(skipped)(
    'a step that waits in its queue is left alone; one that the queue has forgotten is dispatched again',
    async () => {
      const jobId = await store.submit()
      await handOver()
      await age(jobId)
      expect(await repair.round()).toEqual(nothing)
      await queues.of('provisioning').obliterate({ force: true })
      expect(await repair.round()).toEqual({ ...nothing, forgotten: 1 })
      expect(await store.outbox(jobId)).toEqual([{ position: 0, epoch: 2, delayed: false }])
    },
  )

  test.skipIf(skipped)(
    'a step that was queued a moment ago is not suspected of being forgotten',
    async () => {
      const jobId = await store.submit()
      await store.db.query('delete from outbox where job_id = $1', [jobId])
      expect(await repair.round()).toEqual(nothing)
      await age(jobId)
      expect(await repair.round()).toEqual({ ...nothing, forgotten: 1 })
    },
  )

  test.skipIf(skipped)("what waits in the outbox is the relay's, not forgotten", async () => {
    const jobId = await store.submit()
    await age(jobId)
    expect(await repair.round()).toEqual(nothing)
  })

  test.skipIf(skipped)('a back-off is kept when its dispatch has to be made again', async () => {
    const jobId = await store.submit()
    await store.db.query(`delete from outbox`)
    await store.db.query(`update job_steps set not_before = now() + interval '1 hour' where job_id = $1`, [
      jobId,
    ])
    await age(jobId)
    await repair.round()
    expect(await store.outbox(jobId)).toEqual([{ position: 0, epoch: 2, delayed: true }])
  })

  test.skipIf(skipped)("a back-off does not outlast the job's deadline", async () => {
    const jobId = await store.submit({ deadline: new Date(Date.now() - 1_000) })
    await handOver()
    await store.db.query(`update job_steps set not_before = now() + interval '1 hour' where job_id = $1`, [
      jobId,
    ])
    expect(await repair.round()).toEqual({ ...nothing, overdue: 1 })
    expect(await store.outbox(jobId)).toEqual([{ position: 0, epoch: 2, delayed: false }])
  })

  test.skipIf(skipped)('of several processes that would repair, one does', async () => {
    const jobId = await store.submit()
    await store.db.query(`delete from outbox`)
    await age(jobId)
    const others = Array.from({ length: 3 }, () =>
      startRepair({ db: store.db, queues, log, onDispatched: () => {}, everyMs: 3_600_000, patienceMs: 200 }),
    )
    const reports = await Promise.all([repair, ...others].map((one) => one.round()))
    expect(reports.reduce((sum, report) => sum + (report?.forgotten ?? 0), 0)).toBe(1)
    expect(await store.outbox(jobId)).toHaveLength(1)
    await Promise.all(others.map((one) => one.stop()))
  })

  test.skipIf(backend !== 'redis' || skipped)(
    'after Redis has lost its memory even steps that were queued a moment ago are dispatched again, once',
    async () => {
      const jobId = await store.submit()
      await handOver()
      await loseMemory(prefix)
      expect(await repair.round()).toEqual({ ...nothing, forgotten: 1 })
      await handOver()
      expect(await queues.remembers()).toBe(true)
      expect(await repair.round()).toEqual(nothing)
      expect(await store.step(jobId)).toMatchObject({ epoch: 2 })
    },
  )
})

/** What FLUSHALL does, to these queues alone. */
async function loseMemory(prefix: string): Promise<void> {
  const redis = new Redis(testRedisUrl() ?? '')
  const keys = await redis.keys(`${prefix}:*`)
  await redis.del(...keys)
  redis.disconnect()
}
