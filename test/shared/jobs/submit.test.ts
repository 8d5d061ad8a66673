import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '#shared/ids.ts'
import { IdempotencyConflict, submitJob } from '#shared/jobs/submit.ts'
import { createStore, kind, type Store } from '#test/shared/jobs/store.ts'

let store: Store
beforeAll(async () => {
  store = await createStore()
})
afterAll(() => store.close())

const idempotency = (key: string) => ({ key, requestHash: 'hash', status: 202, response: { job: 'job_1' } })
const count = async (jobIds: string[]) =>
  (await store.db.query('select 1 from jobs where id = any($1)', [jobIds])).rowCount

test('an accepted job is there with its first step, its first event and its dispatch', async () => {
  const jobId = await store.submit({ subject: 'vm_1', priority: 3 })
  expect(await store.step(jobId)).toMatchObject({ name: 'one', state: 'queued', epoch: 1, fence: 0 })
  expect(await store.outbox(jobId)).toEqual([{ position: 0, epoch: 1, delayed: false }])
  const { rows } = await store.db.query('select seq::int, type, data from job_events where job_id = $1', [
    jobId,
  ])
  expect(rows).toEqual([{ seq: 1, type: 'job.queued', data: { kind, subject: 'vm_1' } }])
})

test('of requests with one idempotency key, also at the same moment, one makes a job', async () => {
  const ids = Array.from({ length: 8 }, () => newId('job'))
  const results = await Promise.allSettled(
    ids.map((id) =>
      submitJob(store.db, { id, tenantId: 'acme', kind, input: {} }, { idempotency: idempotency('k1') }),
    ),
  )
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  const refusals = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  )
  expect(refusals.every((reason) => reason instanceof IdempotencyConflict)).toBe(true)
  expect(await count(ids)).toBe(1)
})

test('the same key of another tenant is another key', async () => {
  const ids = [newId('job'), newId('job')]
  for (const [nr, tenantId] of ['acme', 'umbrella'].entries())
    await submitJob(
      store.db,
      { id: ids[nr] ?? '', tenantId, kind, input: {} },
      { idempotency: idempotency('k2') },
    )
  expect(await count(ids)).toBe(2)
})

test('a job whose rows are refused leaves nothing behind, and does not keep others of its moment from being accepted', async () => {
  const [good, bad] = [newId('job'), newId('job')]
  const results = await Promise.allSettled([
    submitJob(store.db, { id: good, tenantId: 'acme', kind, input: {} }),
    // A migration without any of its columns.
    submitJob(
      store.db,
      { id: bad, tenantId: 'acme', kind, input: {} },
      { migrations: [{ id: newId('mig') }] },
    ),
  ])
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  expect(await count([good])).toBe(1)
  expect(await count([bad])).toBe(0)
  expect(await store.outbox(bad)).toEqual([])
})

test('within a transaction that is rolled back nothing is accepted', async () => {
  const client = await store.db.connect()
  try {
    await client.query('begin')
    const { jobId } = await submitJob(client, { tenantId: 'acme', kind, input: {} })
    await client.query('rollback')
    expect(await count([jobId])).toBe(0)
  } finally {
    client.release()
  }
})
