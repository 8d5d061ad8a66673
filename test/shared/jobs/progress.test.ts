import { afterAll, beforeAll, expect, test } from 'vitest'
import { requestCancel } from '#shared/jobs/control.ts'
import type { ClaimedStep } from '#shared/jobs/claim.ts'
import { writeProgress } from '#shared/jobs/report.ts'
import { applyTransitions } from '#shared/jobs/transition.ts'
import { createStore, type Store } from '#test/shared/jobs/store.ts'

let store: Store
beforeAll(async () => {
  store = await createStore()
})
afterAll(() => store.close())

const report = (done: number, jobProgress: number) => ({
  done,
  total: 100,
  detail: undefined,
  jobProgress,
  eta: undefined,
})

test('progress never falls, whatever is reported in whatever order', async () => {
  const jobId = await store.submit()
  const step = (await store.claim(jobId)) as ClaimedStep
  for (const [done, progress] of [
    [50, 0.2],
    [10, 0.05],
    [70, 0.3],
  ] as const)
    await writeProgress(store.db, step, report(done, progress))
  const { rows } = await store.db.query(
    `select data -> 'done' as done, data -> 'progress' as progress from job_events where job_id = $1 and type = 'progress' order by seq`,
    [jobId],
  )
  expect(rows).toEqual([
    { done: 50, progress: 0.2 },
    { done: 50, progress: 0.2 },
    { done: 70, progress: 0.3 },
  ])
})

test('a retry of the step keeps the progress that was reached', async () => {
  const jobId = await store.submit()
  const step = (await store.claim(jobId)) as ClaimedStep
  await writeProgress(store.db, step, report(80, 0.25))
  await applyTransitions(store.db, [{ ...step, stepState: 'queued', events: [] }])
  const again = (await store.claim(jobId, { epoch: 2 })) as ClaimedStep
  await writeProgress(store.db, again, report(1, 0.01))
  expect(await store.step(jobId)).toMatchObject({ progress_done: 80 })
  const { rows } = await store.db.query('select progress from jobs where id = $1', [jobId])
  expect(rows).toEqual([{ progress: 0.25 }])
})

test('events are numbered from 1 without gaps or repeats, however many write at once', async () => {
  const jobId = await store.submit()
  const step = (await store.claim(jobId)) as ClaimedStep
  await Promise.all([
    ...Array.from({ length: 40 }, (_, nr) => writeProgress(store.db, step, report(nr, nr / 100))),
    ...Array.from({ length: 5 }, () => requestCancel(store.db, 'acme', jobId)),
  ])
  await applyTransitions(store.db, [
    {
      ...step,
      stepState: 'cancelled',
      jobState: 'cancelled',
      events: [{ type: 'a' }, { type: 'b' }, { type: 'c' }],
    },
  ])
  const { rows } = await store.db.query<{ seq: number; type: string }>(
    'select seq::int, type from job_events where job_id = $1 order by seq',
    [jobId],
  )
  expect(rows.map(({ seq }) => seq)).toEqual(Array.from({ length: 2 + 40 + 5 + 3 }, (_, nr) => nr + 1))
  expect(rows.slice(-3).map(({ type }) => type)).toEqual(['a', 'b', 'c'])
})
