import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '#shared/ids.ts'
import { openQueues, openWorker, type QueueAddresses, type Queues } from '#shared/jobs/queues.ts'
import { startRelay } from '#shared/jobs/relay.ts'
import { explainWaiting } from '#shared/jobs/waiting.ts'
import { createStore, type Store } from '#test/shared/jobs/store.ts'
import { testRedisUrl } from '#test/setup/queue.ts'

describe.each(['postgres', 'redis'] as const)('why a job waits, on queues in %s', (backend) => {
  const skipped = backend === 'redis' && !testRedisUrl()
  let store: Store
  let queues: Queues
  let addresses: QueueAddresses
  beforeAll(async () => {
    if (skipped) return
    store = await createStore()
    const redisUrl = backend === 'redis' ? testRedisUrl() : undefined
    addresses = { databaseUrl: store.url, redisUrl, prefix: newId('req') }
    queues = await openQueues(addresses)
  })
  afterAll(async () => {
    if (skipped) return
    await queues.close()
    await store.close()
  })

  const handOver = async () => {
    const relay = startRelay({ db: store.db, queues, log: pino({ level: 'silent' }) })
    await expect.poll(async () => (await store.db.query('select 1 from outbox')).rowCount).toBe(0)
    await relay.stop()
  }

  test.skipIf(skipped)('a job that runs or has ended does not wait', async () => {
    const jobId = await store.submit()
    await store.claim(jobId)
    expect(await explainWaiting(store.db, queues, jobId)).toBeUndefined()
    expect(await explainWaiting(store.db, queues, newId('job'))).toBeUndefined()
    await store.db.query('delete from outbox')
  })

  test.skipIf(skipped)('it is about to be handed to its queue', async () => {
    const jobId = await store.submit()
    expect(await explainWaiting(store.db, queues, jobId)).toMatchObject({
      reason: 'dispatching',
      step: 'one',
    })
    await store.db.query('delete from outbox')
  })

  test.skipIf(skipped)('it backs off until a time, because of what went wrong', async () => {
    const jobId = await store.submit()
    await store.db.query(
      `update job_steps set not_before = now() + interval '1 minute', problem = '{"detail":"No room in the zone."}' where job_id = $1`,
      [jobId],
    )
    const waiting = await explainWaiting(store.db, queues, jobId)
    expect(waiting).toMatchObject({ reason: 'back_off', until: expect.stringMatching(/^\d{4}-.*Z$/) })
    expect(waiting?.detail).toContain('No room in the zone.')
    await store.db.query('delete from outbox')
  })

  test.skipIf(skipped)(
    'no worker serves its pool; the pool is paused; it is in line behind others',
    async () => {
      const jobId = await store.submit()
      const behind = await store.submit()
      await handOver()
      expect(await explainWaiting(store.db, queues, jobId)).toMatchObject({
        reason: 'no_worker',
        pool: 'provisioning',
        workers: 0,
        waiting: 2,
      })

      const worker = openWorker('provisioning', () => new Promise<never>(() => {}), addresses, {
        concurrency: 1,
      })
      void worker.run().catch(() => {})
      await expect
        .poll(() => explainWaiting(store.db, queues, behind), { timeout: 10_000 })
        .toMatchObject({ reason: 'in_line', running: 1, waiting: 1, workers: 1 })

      await queues.of('provisioning').pause()
      expect(await explainWaiting(store.db, queues, behind)).toMatchObject({ reason: 'paused' })
      await worker.close(true)
    },
  )
})
