import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { newId } from '#shared/ids.ts'
import { openQueues, type Queues } from '#shared/jobs/queues.ts'
import { startRelay, type Relay } from '#shared/jobs/relay.ts'
import { createStore, type Store } from '#test/shared/jobs/store.ts'
import { testRedisUrl } from '#test/setup/queue.ts'

const log = pino({ level: 'silent' })

describe.each(['postgres', 'redis'] as const)('on queues in %s', (backend) => {
  const skipped = backend === 'redis' && !testRedisUrl()
  let store: Store
  let queues: Queues
  let relays: Relay[]
  beforeEach(async () => {
    if (skipped) return
    relays = []
    store = await createStore()
    queues = await openQueues({
      databaseUrl: store.url,
      redisUrl: backend === 'redis' ? testRedisUrl() : undefined,
      prefix: newId('req'),
    })
  })
  afterEach(async () => {
    if (skipped) return
    await Promise.all(relays.map((relay) => relay.stop()))
    await queues.close()
    await store.close()
  })

  const start = (through: Queues = queues) => {
    const relay = startRelay({ db: store.db, queues: through, log })
    relays.push(relay)
    return relay
  }
  const waiting = () => queues.of('provisioning').getJobs(['waiting', 'prioritized', 'delayed'])
  const emptied = () =>
    expect
      .poll(async () => (await store.db.query('select 1 from outbox')).rowCount, { timeout: 10_000 })
      .toBe(0)

  test.skipIf(skipped)('every dispatch reaches its queue once, however many relays carry them', async () => {
    const ids = await Promise.all(Array.from({ length: 60 }, () => store.submit()))
    for (let nr = 0; nr < 4; nr += 1) start()
    await emptied()
    const jobs = await waiting()
    expect(jobs.map(({ data }) => data.jobId).toSorted()).toEqual(ids.toSorted())
  })

  test.skipIf(skipped)('a dispatch carries the name of its step and nothing but what names it', async () => {
    const jobId = await store.submit({ input: { password: 'hunter2' } })
    start()
    await emptied()
    const [job] = await waiting()
    expect(job?.name).toBe('one')
    expect(job?.data).toEqual({ jobId, direction: 'do', position: 0, epoch: 1 })
  })

  test.skipIf(skipped)(
    'a relay that dies between handing over and deleting makes no double: the next one hands over the same again',
    async () => {
      const jobId = await store.submit()
      // Everything happens but the commit, as when the process ends there.
      const dying = startRelay({ db: store.db, queues: failingAfter(queues), log })
      await expect.poll(async () => (await waiting()).length).toBe(1)
      expect(await store.outbox(jobId)).toHaveLength(1)
      await dying.stop()
      start()
      await emptied()
      expect(await waiting()).toHaveLength(1)
    },
  )

  test.skipIf(skipped)('a dispatch that is to wait waits in its queue', async () => {
    const jobId = await store.submit()
    await store.db.query(`update outbox set not_before = now() + interval '1 hour' where job_id = $1`, [
      jobId,
    ])
    start()
    await emptied()
    const [job] = await queues.of('provisioning').getDelayed()
    expect(job?.data.jobId).toBe(jobId)
    expect(job?.delay).toBeGreaterThan(3_500_000)
  })
})

/** Queues that take what they are given and then break the connection's promise. */
function failingAfter(queues: Queues): Queues {
  return {
    ...queues,
    of: (pool) =>
      new Proxy(queues.of(pool), {
        get: (queue, name) =>
          name === 'addBulk'
            ? async (jobs: Parameters<typeof queue.addBulk>[0]) => {
                await queue.addBulk(jobs)
                throw new Error('the process ends here')
              }
            : (Reflect.get(queue, name) as unknown),
      }),
  }
}
