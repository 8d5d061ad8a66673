import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  awsProvider,
  azureProvider,
  bookVm,
  openHarness,
  textAt,
  registerClouds,
  type Client,
  type Harness,
} from './harness.ts'

let api: Harness
let admin: Client

beforeAll(async () => {
  api = await openHarness()
  admin = await api.as('acme', 'admin')
  await registerClouds(admin)
})
afterAll(() => api.close())

test('registering a provider keeps it, seals its credentials and submits a check', async () => {
  const tenant = await api.as('fresh', 'admin')
  const answer = await tenant.post('/providers', awsProvider)
  expect(answer.status).toBe(201)
  expect(answer.headers.get('location')).toBe('/api/multicloud/providers/aws-prod')
  expect(answer.body).toMatchObject({
    provider: {
      id: 'aws-prod',
      name: 'AWS production',
      config: { default_region: 'us-east-1', credentials_set: ['access_key_id', 'secret_access_key'] },
      health: { status: 'unknown' },
    },
    job: { kind: 'provider.check', state: 'queued', subject: 'aws-prod' },
  })
  const { rows } = await api.pool.query<{ sealed: Buffer }>(
    `select sealed from credentials where tenant_id = 'fresh' and id = 'provider:aws-prod'`,
  )
  expect(rows).toHaveLength(1)
  expect(rows[0]?.sealed.toString('latin1')).not.toContain('sEcReT')
})

test('an id that is taken is a conflict that links to its owner, in this tenant only', async () => {
  const again = await admin.post('/providers', awsProvider)
  expect(again.status).toBe(409)
  expect(again.body).toMatchObject({
    code: 'provider_exists',
    links: { provider: '/api/multicloud/providers/aws-prod' },
  })
  expect((await (await api.as('another', 'admin')).post('/providers', awsProvider)).status).toBe(201)
})

test.each(['openstack', 'vmware', 'hyperv'])(
  'a provider of type %s is refused with the types that are supported',
  async (type) => {
    const answer = await admin.post('/providers', { provider_id: 'other', type, config: { regions: ['r'] } })
    expect(answer.status).toBe(422)
    expect(answer.body).toMatchObject({
      code: 'provider_type_unsupported',
      remedy: 'Use one of: aws, azure, gcp, on-premise.',
    })
  },
)

test('KVM hosts are told to come as on-premise', async () => {
  const answer = await admin.post('/providers', {
    provider_id: 'other',
    type: 'kvm',
    config: { regions: ['r'] },
  })
  expect(answer.body).toMatchObject({
    code: 'provider_type_unsupported',
    remedy: expect.stringContaining('driver libvirt') as string,
  })
})

test.each([
  [
    'a missing credential',
    { ...azureProvider, config: { ...azureProvider.config, credentials: { tenant_id: 't' } } },
    'config.credentials.client_id',
  ],
  [
    'a foreign credential',
    {
      ...awsProvider,
      config: { ...awsProvider.config, credentials: { ...awsProvider.config.credentials, client_id: 'x' } },
    },
    'config.credentials.client_id',
  ],
  ['no region', { ...awsProvider, config: { ...awsProvider.config, regions: [] } }, 'config.regions'],
  [
    'a default region that is not among the regions',
    { ...awsProvider, config: { ...awsProvider.config, default_region: 'eu-west-1' } },
    'config.default_region',
  ],
  [
    'an http endpoint',
    { ...awsProvider, config: { ...awsProvider.config, endpoints: { ec2: 'http://ec2.example.com' } } },
    'config.endpoints.ec2',
  ],
  [
    'a loopback endpoint',
    { ...awsProvider, config: { ...awsProvider.config, endpoints: { ec2: 'https://127.0.0.1' } } },
    'config.endpoints.ec2',
  ],
  [
    'a secret among the options',
    { ...awsProvider, config: { ...awsProvider.config, options: { api_token: 'x' } } },
    'config.options.api_token',
  ],
  ['a misspelt field', { ...awsProvider, config: { ...awsProvider.config, region: [] } }, 'config.region'],
  ['a bad id', { ...awsProvider, provider_id: '../etc' }, 'provider_id'],
])('registering with %s names the field', async (_case, body, field) => {
  const answer = await admin.post('/providers', {
    ...body,
    provider_id: body.provider_id === '../etc' ? body.provider_id : 'new-one',
  })
  expect(answer.status).toBe(422)
  expect(answer.body['errors']).toContainEqual(expect.objectContaining({ field }))
  expect(answer.text).not.toContain('sEcReT')
})

test('private endpoints are taken where the configuration allows them', async () => {
  const loose = await openHarness({ ALLOW_PRIVATE_NETWORKS: true })
  try {
    const client = await loose.as('acme', 'admin')
    const body = {
      ...awsProvider,
      config: { ...awsProvider.config, endpoints: { ec2: 'http://127.0.0.1:9' } },
    }
    expect((await client.post('/providers', body)).status).toBe(201)
  } finally {
    await loose.close()
  }
})

test('the list is paged by id and filtered', async () => {
  const first = await admin.get('/providers?limit=1')
  expect(first.body['providers']).toMatchObject([{ id: 'aws-prod' }])
  const second = await admin.get(`/providers?limit=1&cursor=${textAt(first, 'next_cursor')}`)
  expect(second.body).toMatchObject({ providers: [{ id: 'azure-prod' }], next_cursor: null })
  expect((await admin.get('/providers?type=azure')).body['providers']).toMatchObject([{ id: 'azure-prod' }])
  expect((await admin.get('/providers?enabled=false')).body['providers']).toEqual([])
})

test('a change needs the version that it is based on, and credentials stay when they are left out', async () => {
  const tenant = await api.as('changing', 'admin')
  await tenant.post('/providers', awsProvider)
  const sealed = async () =>
    (
      await api.pool.query<{ sealed: Buffer; version: number }>(
        `select sealed, version from credentials where tenant_id = 'changing'`,
      )
    ).rows
  const before = await sealed()
  const config = { regions: ['us-west-2'], name: 'renamed' }
  expect((await tenant.put('/providers/aws-prod', { config })).status).toBe(428)
  expect((await tenant.put('/providers/aws-prod', { config }, { 'if-match': '"v9"' })).status).toBe(412)
  expect((await tenant.put('/providers/aws-prod', { config }, { 'if-match': 'v1' })).status).toBe(422)
  const changed = await tenant.put('/providers/aws-prod', { config }, { 'if-match': '"v1"' })
  expect(changed.status).toBe(200)
  expect(changed.headers.get('etag')).toBe('"v2"')
  expect(changed.body).toMatchObject({
    provider: {
      name: 'renamed',
      version: 2,
      config: { default_region: 'us-west-2', credentials_set: ['access_key_id', 'secret_access_key'] },
    },
    job: { kind: 'provider.check' },
  })
  expect(await sealed()).toEqual(before)
  expect((await tenant.put('/providers/aws-prod', { config }, { 'if-match': '"v1"' })).status).toBe(412)
  const withType = await tenant.put('/providers/aws-prod', { config, type: 'azure' }, { 'if-match': '"v2"' })
  expect(withType.body['errors']).toMatchObject([{ field: 'type', reason: 'cannot be changed' }])
})

test('new credentials replace the sealed ones', async () => {
  const tenant = await api.as('rotating', 'admin')
  await tenant.post('/providers', awsProvider)
  const answer = await tenant.put('/providers/aws-prod', { config: awsProvider.config }, { 'if-match': '*' })
  expect(answer.status).toBe(200)
  const { rows } = await api.pool.query(`select version from credentials where tenant_id = 'rotating'`)
  expect(rows).toEqual([{ version: 2 }])
})

test('a provider with live VMs or unfinished work is not removed; without them it goes with its credentials', async () => {
  const tenant = await api.as('removing', 'admin')
  await tenant.post('/providers', awsProvider)
  await bookVm(api.pool, { id: 'vm_live', tenant: 'removing' })
  const refused = await tenant.delete('/providers/aws-prod')
  expect(refused.status).toBe(409)
  expect(refused.body).toMatchObject({
    code: 'provider_in_use',
    detail: 'The provider has 1 live VM: vm_live.',
    live_vms: 1,
    unfinished_jobs: 0,
  })
  await tenant.post('/vms/vm_live/stop')
  expect((await tenant.delete('/providers/aws-prod')).body).toMatchObject({ unfinished_jobs: 1 })
  await api.pool.query(`update jobs set state = 'succeeded' where subject = 'vm_live'`)
  await api.pool.query(
    `update multicloud_vms set state = 'terminated', deleted_at = now() where id = 'vm_live'`,
  )
  expect((await tenant.delete('/providers/aws-prod')).status).toBe(204)
  expect((await tenant.get('/providers/aws-prod')).status).toBe(404)
  const { rows } = await api.pool.query(`select 1 from credentials where tenant_id = 'removing'`)
  expect(rows).toEqual([])
})

test('health answers the last finding, and a refresh joins the check that is waiting', async () => {
  const plain = await admin.get('/providers/azure-prod/health')
  expect(plain.status).toBe(200)
  expect(plain.body).toMatchObject({ provider_id: 'azure-prod', status: 'unknown', checked_at: null })
  const one = await admin.get('/providers/azure-prod/health?refresh=true')
  const two = await admin.get('/providers/azure-prod/health?refresh=true')
  expect(one.status).toBe(202)
  expect(one.body['job']?.['id']).toBe(two.body['job']?.['id'])
})
