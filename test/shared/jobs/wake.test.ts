import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { openWake } from '#shared/jobs/wake.ts'
import { createStore, type Store } from '#test/shared/jobs/store.ts'

let store: Store
beforeAll(async () => {
  store = await createStore()
})
afterAll(() => store.close())

async function open() {
  const wake = await openWake(store.url)
  onTestFinished(() => wake.close())
  return wake
}

test('what one process tells, every process hears, on the channel it was told on', async () => {
  const [one, other] = [await open(), await open()]
  const heard: string[] = []
  other.on('novacron_job', (payload) => heard.push(`job ${payload}`))
  other.on('novacron_cancel', (payload) => heard.push(`cancel ${payload}`))
  one.notify('novacron_job', 'job_1')
  one.notify('novacron_cancel', 'job_2')
  await expect.poll(() => heard.toSorted()).toEqual(['cancel job_2', 'job job_1'])
})

test('the same told many times at one moment is heard once', async () => {
  const wake = await open()
  const heard: string[] = []
  wake.on('novacron_outbox', (payload) => heard.push(payload))
  for (let nr = 0; nr < 100; nr += 1) wake.notify('novacron_outbox', 'x')
  wake.notify('novacron_outbox', 'last')
  await expect.poll(() => heard).toEqual(['x', 'last'])
})

test('a listener that has stopped hears nothing more', async () => {
  const wake = await open()
  const heard: string[] = []
  const stop = wake.on('novacron_job', (payload) => heard.push(payload))
  stop()
  const other: string[] = []
  wake.on('novacron_job', (payload) => other.push(payload))
  wake.notify('novacron_job', 'job_1')
  await expect.poll(() => other).toEqual(['job_1'])
  expect(heard).toEqual([])
})

test('after its connection was cut it listens again, and tells every listener that it may have missed something', async () => {
  const [wake, other] = [await open(), await open()]
  const heard: string[] = []
  wake.on('novacron_job', (payload) => heard.push(payload))
  // Also that of `other`: as when the server restarts.
  await store.db.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
  )
  await expect.poll(() => heard, { timeout: 10_000 }).toEqual([''])
  await expect
    .poll(
      () => {
        other.notify('novacron_job', 'job_1')
        return heard
      },
      { timeout: 10_000 },
    )
    .toContain('job_1')
})
