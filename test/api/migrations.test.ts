import { afterAll, beforeAll, expect, test } from 'vitest'
import { bookVm, openHarness, textAt, registerClouds, type Client, type Harness } from './harness.ts'

let api: Harness
let client: Client

beforeAll(async () => {
  api = await openHarness()
  client = await api.as('acme', 'admin')
  await registerClouds(client)
})
afterAll(() => api.close())

/** The request of the original summary, as it stands. */
const original = `{
    "vm_id": "i-1234567890abcdef0",
    "source_provider_id": "aws-prod",
    "destination_provider_id": "azure-prod",
    "destination_region": "eastus",
    "delete_source": false,
    "max_downtime": "5m"
}`

const toAzure = { source_provider_id: 'aws-prod', destination_provider_id: 'azure-prod' }

test('the request of the original summary is accepted as it stands', async () => {
  const answer = await api.request('/api/multicloud/migrations', {
    method: 'POST',
    headers: { authorization: `Bearer ${client.token}`, 'content-type': 'application/json' },
    body: original,
  })
  expect(answer.status).toBe(202)
  expect(answer.body).toMatchObject({
    migration: {
      vm_id: 'i-1234567890abcdef0',
      source_provider_id: 'aws-prod',
      destination_provider_id: 'azure-prod',
      destination_region: 'eastus',
      status: 'pending',
      progress: 0,
    },
    job: { kind: 'migration.cold' },
    warnings: [expect.stringMatching(/^max_downtime is not bounded/)],
  })
  const id = textAt(answer, 'migration.migration_id')
  const { rows } = await api.pool.query('select input from jobs where subject = $1', [id])
  expect(rows).toEqual([
    {
      input: {
        migration_id: id,
        vm_id: 'i-1234567890abcdef0',
        ...toAzure,
        destination_region: 'eastus',
        destination_config: {},
        delete_source: false,
        options: {},
        max_downtime_ms: 300_000,
      },
    },
  ])
  const status = await client.get(`/migrations/${id}/status`)
  expect(status.status).toBe(200)
  expect(status.body['steps']).toMatchObject([
    { name: 'preflight', status: 'pending' },
    { name: 'stop_source' },
    { name: 'snapshot' },
    { name: 'create_disk' },
    { name: 'copy' },
    { name: 'verify' },
    { name: 'adapt' },
    { name: 'create_vm' },
    { name: 'boot_check' },
    { name: 'commit' },
    { name: 'clean_up' },
  ])
  expect(status.body['metrics']).toMatchObject({ data_transferred: null, transfer_rate: null })
})

test('a VM has one unfinished migration at most, whichever of its names is used', async () => {
  await bookVm(api.pool, { id: 'vm_twice', tenant: 'acme', cloudId: 'i-twice' })
  const names = ['vm_twice', 'i-twice']
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      client.post('/migrations', { vm_id: names[index % 2], ...toAzure }),
    ),
  )
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
    202,
    ...Array.from({ length: 9 }, () => 409),
  ])
  const refused = answers.find(({ status }) => status === 409)
  expect(refused?.body).toMatchObject({ code: 'migration_running', links: { migration: expect.any(String) } })
  expect((await client.post('/vms/vm_twice/stop')).body).toMatchObject({ code: 'migration_running' })
})

test('a VM known only to its cloud has one unfinished migration at most, too', async () => {
  const body = { vm_id: 'i-unknown-to-us', ...toAzure }
  const answers = await Promise.all([client.post('/migrations', body), client.post('/migrations', body)])
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([202, 409])
})

test('defaults are filled in and wishes are passed on', async () => {
  await bookVm(api.pool, { id: 'vm_wishes', tenant: 'acme' })
  const answer = await client.post('/migrations', {
    vm_id: 'vm_wishes',
    destination_provider_id: 'azure-prod',
    destination_config: { name: 'moved', availability_zone: '1', instance_type: 'Standard_B2s' },
    options: { boot_check: { expect: 'login:', timeout: 'PT2M' } },
    rollback: false,
  })
  expect(answer.status).toBe(202)
  expect(answer.body['migration']?.['request']).toEqual({
    vm_id: 'vm_wishes',
    ...toAzure,
    destination_region: 'eastus',
    destination_config: { name: 'moved', zone: '1', instance_type: 'Standard_B2s' },
    delete_source: false,
    options: { boot_check: { expect: 'login:', timeout_ms: 120_000 } },
  })
  expect(answer.body['warnings']).toEqual([expect.stringMatching(/^rollback=false is not honoured/)])
})

test.each([
  ['an unknown VM of ours', { vm_id: 'vm_nobody', ...toAzure }, 'vm_id'],
  [
    'a cloud id without its provider',
    { vm_id: 'i-x', destination_provider_id: 'azure-prod' },
    'source_provider_id',
  ],
  [
    'a source that is not where the VM is',
    { vm_id: 'vm_here', source_provider_id: 'azure-prod', destination_provider_id: 'azure-prod' },
    'source_provider_id',
  ],
  [
    'an unknown destination',
    { vm_id: 'vm_here', destination_provider_id: 'nobody' },
    'destination_provider_id',
  ],
  [
    'a region that the destination lacks',
    { vm_id: 'vm_here', ...toAzure, destination_region: 'us-east-1' },
    'destination_region',
  ],
  [
    'the place where it is',
    { vm_id: 'vm_here', destination_provider_id: 'aws-prod', destination_region: 'us-east-1' },
    'destination_provider_id',
  ],
  [
    'a time that is yet to come',
    { vm_id: 'vm_here', ...toAzure, scheduled_time: '2099-01-01T00:00:00Z' },
    'scheduled_time',
  ],
  [
    'a time that has passed',
    { vm_id: 'vm_here', ...toAzure, scheduled_time: '2020-01-01T00:00:00Z' },
    'scheduled_time',
  ],
  ['a duration that is none', { vm_id: 'vm_here', ...toAzure, max_downtime: 'soon' }, 'max_downtime'],
  [
    'a broken expression',
    { vm_id: 'vm_here', ...toAzure, options: { boot_check: { expect: '(' } } },
    'options.boot_check.expect',
  ],
  ['an option that there is not', { vm_id: 'vm_here', ...toAzure, options: { warm: true } }, 'options.warm'],
])('a migration with %s names the field', async (_case, body, field) => {
  await bookVm(api.pool, { id: 'vm_here', tenant: 'acme' }).catch(() => {})
  const answer = await client.post('/migrations', body)
  expect(answer.status).toBe(422)
  expect(answer.body['errors']).toContainEqual(expect.objectContaining({ field }))
})

test('a name that is nearly right is answered with the one that was meant', async () => {
  const remedyOf = async (more: object) =>
    (await client.post('/migrations', { vm_id: 'vm_here', ...toAzure, ...more })).body['remedy']
  expect(await remedyOf({ destination_provider_id: 'azure-prd' })).toMatch(
    /^Did you mean azure-prod\? Use one of/,
  )
  expect(await remedyOf({ destination_region: 'eastsu' })).toMatch(/^Did you mean eastus\?/)
  expect(await remedyOf({ destination_provider_id: 'nobody' })).toMatch(/^Use one of: aws-prod, azure-prod/)
})

test('a VM that is gone is not migrated', async () => {
  await bookVm(api.pool, { id: 'vm_dead', tenant: 'acme', state: 'terminated' })
  expect((await client.post('/migrations', { vm_id: 'vm_dead', ...toAzure })).body).toMatchObject({
    code: 'vm_state',
  })
})

test('the list is filtered and paged, newest first', async () => {
  const all = (await client.get('/migrations')).body['migrations'] as unknown as {
    id: string
    status: string
  }[]
  expect(all.length).toBeGreaterThanOrEqual(3)
  const first = await client.get('/migrations?limit=1')
  expect(first.body['migrations']).toMatchObject([{ id: all[0]?.id }])
  const rest = await client.get(`/migrations?limit=200&cursor=${textAt(first, 'next_cursor')}`)
  expect(rest.body['migrations']).toHaveLength(all.length - 1)
  expect((await client.get('/migrations?vm_id=vm_wishes')).body['migrations']).toHaveLength(1)
  expect((await client.get('/migrations?status=completed')).body['migrations']).toEqual([])
  expect((await client.get('/migrations?destination_provider_id=aws-prod')).body['migrations']).toEqual([])
})

test('the status follows the job where the row has not heard yet, and the row where it has the last word', async () => {
  await bookVm(api.pool, { id: 'vm_status', tenant: 'acme' })
  const { body } = await client.post('/migrations', { vm_id: 'vm_status', ...toAzure })
  const id = String(body['migration']?.['id'])
  const job = String(body['job']?.['id'])
  const status = async () => (await client.get(`/migrations/${id}/status`)).body
  await api.pool.query(
    `update jobs set state = 'running', progress = 0.42, eta = now() + interval '1 minute' where id = $1`,
    [job],
  )
  await api.pool.query(
    `update job_steps set state = 'running', started_at = now(), progress_done = 1, progress_total = 4 where job_id = $1`,
    [job],
  )
  expect(await status()).toMatchObject({
    status: 'in_progress',
    vm_name: 'vm_status',
    current_step: 'preflight',
    progress: 42,
    estimated_completion: expect.any(String),
    steps: { 0: { status: 'in_progress', progress: 25, duration: expect.stringMatching(/s$/) } },
  })
  const [listed] = (await client.get('/migrations?vm_id=vm_status')).body['migrations'] as unknown as object[]
  expect(listed).toMatchObject({ vm_name: 'vm_status', current_step: 'preflight', progress: 42 })
  expect((await client.get(`/migrations/${id}`)).body).toEqual(listed)
  await api.pool.query(
    `update jobs set state = 'failed', problem = '{"code":"boot_not_proved","detail":"It did not boot."}', finished_at = now() where id = $1`,
    [job],
  )
  expect(await status()).toMatchObject({
    status: 'failed',
    current_step: null,
    error_message: 'It did not boot.',
    estimated_completion: null,
    steps: { 5: { status: 'skipped' } },
  })
  await api.pool.query(
    `update migrations set status = 'rolled_back', completed_at = now(), destination_vm_id = 'its-id-there' where id = $1`,
    [id],
  )
  expect(await status()).toMatchObject({
    status: 'rolled_back',
    vm_name: 'vm_status',
    end_time: expect.any(String),
  })
})
