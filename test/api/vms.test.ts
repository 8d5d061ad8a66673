import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  bookVm,
  openHarness,
  textAt,
  registerClouds,
  vmRequest,
  awsProvider,
  type Client,
  type Harness,
} from './harness.ts'

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
    "name": "production-web-server",
    "instance_type": "medium",
    "region": "us-east-1",
    "cost_optimized": true,
    "high_availability": true,
    "compliance_requirements": ["SOC2", "GDPR"],
    "data_residency_regions": ["us-east-1", "us-west-2"],
    "tags": {
        "environment": "production",
        "team": "web-services"
    }
}`

test('the request of the original summary is accepted as it stands, and every demand not honoured is named', async () => {
  const answer = await api.request('/api/multicloud/vms', {
    method: 'POST',
    headers: { authorization: `Bearer ${client.token}`, 'content-type': 'application/json' },
    body: original,
  })
  expect(answer.status).toBe(202)
  expect(answer.body).toMatchObject({
    vm: {
      name: 'production-web-server',
      provider: 'aws-prod',
      region: 'us-east-1',
      instance_type: 'medium',
      state: 'pending',
    },
    job: { kind: 'vm.create', state: 'queued' },
    notes: [expect.stringContaining('aws-prod')],
  })
  const warned = (answer.body['warnings'] as unknown as string[]).map((warning) => warning.split(' ')[0])
  expect(warned).toEqual([
    'cost_optimized',
    'high_availability',
    'compliance_requirements',
    'data_residency_regions',
  ])
  const id = textAt(answer, 'vm.id')
  const { rows } = await api.pool.query(
    `select v.state, j.kind, j.input ->> 'instance_type' as size, s.name as step, e.type as event, o.name as dispatch
     from multicloud_vms v join jobs j on j.subject = v.id join job_steps s on s.job_id = j.id
     join job_events e on e.job_id = j.id join outbox o on o.job_id = j.id where v.id = $1`,
    [id],
  )
  expect(rows).toEqual([
    {
      state: 'pending',
      kind: 'vm.create',
      size: 'medium',
      step: 'resolve',
      event: 'job.queued',
      dispatch: 'resolve',
    },
  ])
  expect((await client.get(`/vms/${id}`)).body).toMatchObject({
    id,
    state: 'pending',
    tags: { team: 'web-services' },
  })
})

test('no warning is given for what is not asked for', async () => {
  const answer = await client.post('/vms', {
    ...vmRequest,
    cost_optimized: false,
    compliance_requirements: [],
  })
  expect(answer.body['warnings']).toEqual([])
})

test('a preferred provider wins, by id or by type, and must have the region', async () => {
  const byId = await client.post('/vms', {
    ...vmRequest,
    region: undefined,
    preferred_provider: 'azure-prod',
  })
  expect(byId.body['vm']).toMatchObject({ provider: 'azure-prod', region: 'eastus' })
  const byType = await client.post('/vms', { ...vmRequest, region: undefined, preferred_provider: 'azure' })
  expect(byType.body['vm']).toMatchObject({ provider: 'azure-prod' })
  const wrong = await client.post('/vms', { ...vmRequest, preferred_provider: 'azure-prod' })
  expect(wrong.status).toBe(422)
  expect(wrong.body).toMatchObject({
    code: 'no_provider',
    detail: expect.stringContaining('has no region us-east-1'),
  })
  const unknown = await client.post('/vms', { ...vmRequest, preferred_provider: 'nobody' })
  expect(unknown.body['errors']).toMatchObject([{ field: 'preferred_provider' }])
})

test('without a provider the answer says to register one', async () => {
  const empty = await api.as('empty', 'admin')
  const answer = await empty.post('/vms', vmRequest)
  expect(answer.status).toBe(422)
  expect(answer.body).toMatchObject({
    code: 'no_provider',
    remedy: expect.stringContaining('POST /api/multicloud/providers'),
  })
})

test.each([
  ['a misspelt field', { ...vmRequest, instnce_type: 'x' }, 'instnce_type'],
  ['a region outside of the residency', { ...vmRequest, data_residency_regions: ['eu-west-1'] }, 'region'],
  ['neither a size nor cpu and memory', { name: 'x', region: 'us-east-1', cpu: 2 }, 'instance_type'],
  ['a name that no cloud takes', { ...vmRequest, name: 'has spaces' }, 'name'],
  ['a reserved tag', { ...vmRequest, tags: { 'novacron-tenant': 'x' } }, 'tags.novacron-tenant'],
  ['a number where text belongs', { ...vmRequest, image_id: 5 }, 'image_id'],
])('creating a VM with %s names the field', async (_case, body, field) => {
  const answer = await client.post('/vms', body)
  expect(answer.status).toBe(422)
  expect(answer.body['errors']).toContainEqual(expect.objectContaining({ field }))
})

test('a misspelt field is answered with the one that was meant', async () => {
  const answer = await client.post('/vms', { ...vmRequest, instnce_type: 'x' })
  expect(answer.body['errors']).toContainEqual(
    expect.objectContaining({ remedy: 'Did you mean instance_type?' }),
  )
})

test('what stands in the books already is named by our ids, and reaches the cloud by its own', async () => {
  const id = (kind: string) => `${kind}_01a2072c-0000-7000-8000-000000000001`
  for (const [kind, prefix] of Object.entries({ security_group: 'sg', subnet: 'sub', image: 'img' }))
    await api.pool.query(
      `insert into cloud_resources (id, tenant_id, provider_id, kind, cloud_id, region, name, state, tags, observed)
       values ($1, 'acme', 'aws-prod', $2, $3, 'us-east-1', $1, 'available', '{}', '{}')`,
      [id(prefix), kind, `cloud-${prefix}`],
    )
  const wish = {
    ...vmRequest,
    preferred_provider: 'aws-prod',
    image_id: id('img'),
    security_groups: [id('sg'), 'sg-0123'],
    custom_options: { subnet: id('sub') },
  }
  const made = await client.post('/vms', wish)
  const { rows } = await api.pool.query('select input from jobs where id = $1', [textAt(made, 'job.id')])
  expect(rows[0]).toMatchObject({
    input: { image_id: 'cloud-img', security_groups: ['cloud-sg', 'sg-0123'], subnet: 'cloud-sub' },
  })
  const elsewhere = await client.post('/vms', {
    ...wish,
    region: 'eastus',
    preferred_provider: 'azure-prod',
    image_id: undefined,
    custom_options: {},
  })
  expect(elsewhere.body['errors']).toMatchObject([{ field: 'security_groups[0]' }])
  const nobodys = await client.post('/vms', { ...wish, security_groups: [id('sg').replace(/1$/, '2')] })
  expect(nobodys.body['errors']).toMatchObject([{ field: 'security_groups[0]' }])
})

test('a VM is shown with the tags of its user, and not with our marks of ownership', async () => {
  await bookVm(api.pool, { id: 'vm_tagged', tenant: 'acme', tags: { team: 'web', 'novacron-job': 'job_1' } })
  expect((await client.get('/vms/vm_tagged')).body['tags']).toEqual({ team: 'web' })
})

test('the list is filtered by provider, type, region, state, name and tags', async () => {
  const lister = await api.as('lister', 'admin')
  await registerClouds(lister)
  const vms = [
    { id: 'vm_l1', name: 'web-1', tags: { team: 'web', tier: 'front' } },
    { id: 'vm_l2', name: 'web-22', state: 'stopped', tags: { team: 'web' } },
    { id: 'vm_l3', name: 'db_1', provider: 'azure-prod', region: 'eastus', tags: { team: "o'data" } },
    { id: 'vm_l4', name: 'gone', state: 'terminated' },
  ]
  for (const vm of vms) await bookVm(api.pool, { tenant: 'lister', ...vm })
  await api.pool.query(`update multicloud_vms set deleted_at = now() where id = 'vm_l4'`)
  const names = async (query: string) =>
    ((await lister.get(`/vms?${query}`)).body['vms'] as unknown as { name: string }[])
      .map(({ name }) => name)
      .toSorted()
  expect(await names('')).toEqual(['db_1', 'web-1', 'web-22'])
  expect(await names('provider_id=azure-prod')).toEqual(['db_1'])
  expect(await names('provider_type=aws')).toEqual(['web-1', 'web-22'])
  expect(await names('region=eastus')).toEqual(['db_1'])
  expect(await names('state=stopped')).toEqual(['web-22'])
  expect(await names('state=terminated')).toEqual(['gone'])
  expect(await names('name_pattern=WEB-?')).toEqual(['web-1'])
  expect(await names('name_pattern=web-*')).toEqual(['web-1', 'web-22'])
  expect(await names('name_pattern=db_1')).toEqual(['db_1'])
  expect(await names('name_pattern=web_1')).toEqual([])
  expect(await names('name_pattern=%25')).toEqual([])
  expect(await names('tag=team:web')).toEqual(['web-1', 'web-22'])
  expect(await names('tag=team:web&tag=tier:front')).toEqual(['web-1'])
  expect(await names('tag.team=web&tag.tier=front')).toEqual(['web-1'])
  expect(await names(`tag.team=${encodeURIComponent("o'data")}`)).toEqual(['db_1'])
  expect((await lister.get('/vms?nme_pattern=x')).body['errors']).toMatchObject([
    { field: 'query.nme_pattern' },
  ])
})

test('pages follow each other without gap or repetition, newest first', async () => {
  const pager = await api.as('pager', 'viewer')
  for (let index = 0; index < 7; index++)
    await bookVm(api.pool, { id: `vm_p${index}`, tenant: 'pager', name: `n${index}` })
  // Two of the same moment: the id decides.
  await api.pool.query(
    `update multicloud_vms set created_at = '2026-01-01' where tenant_id = 'pager' and id in ('vm_p1', 'vm_p2')`,
  )
  const seen: string[] = []
  let cursor = ''
  do {
    const { body } = await pager.get(`/vms?limit=2${cursor && `&cursor=${cursor}`}`)
    seen.push(...(body['vms'] as unknown as { id: string }[]).map(({ id }) => id))
    cursor = body['next_cursor'] === null ? '' : String(body['next_cursor'])
  } while (cursor)
  expect(seen).toHaveLength(7)
  expect(new Set(seen).size).toBe(7)
  expect(seen.slice(-2)).toEqual(['vm_p2', 'vm_p1'])
})

test("a VM is found by its cloud's id where the provider is named", async () => {
  await bookVm(api.pool, { id: 'vm_named', tenant: 'acme', cloudId: 'i-0abc' })
  expect((await client.get('/vms/i-0abc?provider_id=aws-prod')).body).toMatchObject({
    id: 'vm_named',
    vm_id: 'i-0abc',
  })
  expect((await client.get('/vms/i-0abc')).status).toBe(404)
  expect((await client.get('/vms/i-0abc?provider_id=azure-prod')).status).toBe(404)
  const azureId = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web'
  await bookVm(api.pool, { id: 'vm_azure', tenant: 'acme', provider: 'azure-prod', cloudId: azureId })
  expect((await client.get(`/vms/${encodeURIComponent(azureId)}?provider_id=azure-prod`)).body['id']).toBe(
    'vm_azure',
  )
})

test.each([
  ['start', 'post', '/start', 'vm.start'],
  ['stop', 'post', '/stop', 'vm.stop'],
  ['restart', 'post', '/restart', 'vm.restart'],
  ['delete', 'delete', '', 'vm.delete'],
] as const)(
  '%s is accepted as a job, and a second command waits its turn',
  async (verb, method, path, kind) => {
    const id = `vm_do_${verb}`
    await bookVm(api.pool, { id, tenant: 'acme' })
    const answer = await client[method](`/vms/${id}${path}`)
    expect(answer.status).toBe(202)
    expect(answer.body).toMatchObject({
      vm: { id },
      job: { kind, state: 'queued', subject: id },
      warnings: [],
    })
    const again = await client.post(`/vms/${id}/restart`)
    expect(again.status).toBe(409)
    expect(again.body).toMatchObject({
      code: 'vm_busy',
      links: { job: answer.body['job']?.['links']?.['self'] },
    })
  },
)

test('of many commands at the same moment exactly one is accepted', async () => {
  await bookVm(api.pool, { id: 'vm_rush', tenant: 'acme' })
  const answers = await Promise.all(Array.from({ length: 12 }, () => client.post('/vms/vm_rush/stop')))
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
    202,
    ...Array.from({ length: 11 }, () => 409),
  ])
})

test('what is terminated or was never made is not started', async () => {
  await bookVm(api.pool, { id: 'vm_gone', tenant: 'acme', state: 'terminated' })
  const gone = await client.post('/vms/vm_gone/start')
  expect(gone.status).toBe(409)
  expect(gone.body).toMatchObject({ code: 'vm_state', state: 'terminated' })
  expect((await client.delete('/vms/vm_gone')).status).toBe(409)
  await bookVm(api.pool, { id: 'vm_unmade', tenant: 'acme', state: 'error' })
  await api.pool.query(`update multicloud_vms set vm_id = null where id = 'vm_unmade'`)
  expect((await client.post('/vms/vm_unmade/start')).status).toBe(409)
  expect((await client.delete('/vms/vm_unmade')).status).toBe(202)
})

test('a disabled provider takes no commands and no new VMs', async () => {
  const off = await api.as('off', 'admin')
  await off.post('/providers', { ...awsProvider, enabled: false })
  await bookVm(api.pool, { id: 'vm_off', tenant: 'off' })
  expect((await off.post('/vms/vm_off/stop')).body).toMatchObject({ code: 'provider_disabled' })
  expect((await off.post('/vms', vmRequest)).body).toMatchObject({
    code: 'no_provider',
    detail: expect.stringContaining('is disabled'),
  })
})
