import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCallRecorder } from '#shared/clouds/calls/recorder.ts'
import { writeCalls } from '#shared/clouds/calls/store.ts'
import { awsProvider, openHarness, registerClouds, type Client, type Harness } from '#test/api/harness.ts'

let api: Harness
let admin: Client
beforeAll(async () => {
  api = await openHarness()
  admin = await api.as('acme', 'admin')
  await registerClouds(admin)
  await (await api.as('globex', 'admin')).post('/providers', awsProvider)
})
afterAll(() => api.close())

async function calls(worker: string, outcomes: { operation: string; tookMs: number; code?: string }[]) {
  const recorder = createCallRecorder()
  for (const outcome of outcomes) recorder.add(outcome)
  const counted = { tenantId: 'acme', providerId: 'aws-prod', minutes: recorder.takeChanged() }
  await writeCalls(api.pool, worker, [counted])
}

test('what workers saw of a provider is answered at once, without asking one, and to its tenant alone', async () => {
  await calls('w1', [{ operation: 'DescribeInstances', tookMs: 20 }])
  await calls('w2', [
    { operation: 'DescribeInstances', tookMs: 40 },
    { operation: 'RunInstances', tookMs: 900, code: 'unavailable' },
  ])
  const { status, body } = await admin.get('/providers/aws-prod/metrics')
  expect(status).toBe(200)
  expect(body).toMatchObject({
    calls: 3,
    workers: ['w1', 'w2'],
    errors: { unavailable: 1 },
    error_rate: 1 / 3,
    operations: [
      { operation: 'DescribeInstances', calls: 2, error_rate: 0 },
      { operation: 'RunInstances', calls: 1, error_rate: 1 },
    ],
  })
  expect((await api.pool.query(`select 1 from jobs where kind = 'cloud.read'`)).rowCount).toBe(0)
  // Nobody has called the other tenant's: a worker is asked, and there is none here.
  const other = await (
    await api.as('globex', 'admin')
  ).get('/providers/aws-prod/metrics', { prefer: 'wait=0' })
  expect(other.status).toBe(202)
})

test('a provider whose calls fail is unhealthy, whatever its last check found, in every place that tells it', async () => {
  await api.pool.query(
    `update cloud_providers set health = '{"status": "healthy", "checked_at": "2026-01-01T00:00:00.000Z"}' where id = 'aws-prod'`,
  )
  await calls(
    'w3',
    Array.from({ length: 9 }, () => ({ operation: 'RunInstances', tookMs: 1, code: 'timeout' })),
  )
  expect((await admin.get('/providers/aws-prod/health')).body['status']).toBe('unhealthy')
  expect((await admin.get('/providers/aws-prod')).body['health']?.['status']).toBe('unhealthy')
  const { providers } = (await admin.get('/providers')).body as unknown as {
    providers: { id: string; health: { status: string } }[]
  }
  expect(providers.map(({ id, health }) => [id, health.status])).toEqual([
    ['aws-prod', 'unhealthy'],
    ['azure-prod', 'unknown'],
  ])
  const others = await (await api.as('globex', 'admin')).get('/providers/aws-prod/health')
  expect(others.body['status']).toBe('healthy')
})

test('a removed provider leaves nothing of its calls', async () => {
  await api.pool.query(`update jobs set state = 'cancelled'`)
  expect((await admin.delete('/providers/aws-prod', { 'if-match': '*' })).status).toBe(204)
  expect((await api.pool.query('select 1 from cloud_calls')).rowCount).toBe(0)
})
