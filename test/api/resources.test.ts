import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  awsProvider,
  bookVm,
  openHarness,
  registerClouds,
  textAt,
  vmRequest,
  type Client,
  type Harness,
} from './harness.ts'

let api: Harness
let client: Client

beforeAll(async () => {
  api = await openHarness()
  client = await api.as('acme', 'admin')
  await registerClouds(client)
  await bookVm(api.pool, { id: 'vm_one', tenant: 'acme' })
  await bookVm(api.pool, { id: 'vm_far', tenant: 'acme', region: 'us-west-2' })
})
afterAll(() => api.close())

const placed = { provider_id: 'aws-prod', region: 'us-east-1' }
const network = { ...placed, name: 'front', cidr: '10.20.0.0/16' }
const rule = { direction: 'ingress', protocol: 'tcp', from_port: 443, to_port: 443, cidrs: ['0.0.0.0/0'] }

/** Puts a resource into the books as if its cloud had made it. */
async function book(kind: string, id: string, tenant = 'acme', observed = {}): Promise<void> {
  await api.pool.query(
    `insert into cloud_resources (id, tenant_id, provider_id, kind, cloud_id, region, name, state, tags, observed)
     values ($1, $2, 'aws-prod', $3, $4, 'us-east-1', $1, 'available', '{}', $5)`,
    [id, tenant, kind, `cloud-${id}`, JSON.stringify(observed)],
  )
}

test('a network is accepted with its subnets: row, job and dispatch at once', async () => {
  const answer = await client.post('/networks', {
    ...network,
    subnets: [{ name: 'a', cidr: '10.20.1.0/24', zone: 'us-east-1a' }],
  })
  expect(answer.status).toBe(202)
  expect(answer.body).toMatchObject({
    network: { state: 'pending', cidrs: ['10.20.0.0/16'], cloud_id: null },
    job: { kind: 'network.create', state: 'queued' },
  })
  expect(answer.headers.get('location')).toBe(textAt(answer, 'network.links.self'))
  const { rows } = await api.pool.query(
    `select j.input -> 'spec' as spec, o.queue, (select count(*)::int from cloud_resources where kind = 'subnet') as subnets
     from jobs j join outbox o on o.job_id = j.id where j.subject = $1`,
    [textAt(answer, 'network.id')],
  )
  expect(rows).toMatchObject([
    {
      spec: { cidr: '10.20.0.0/16', subnets: [{ cidr: '10.20.1.0/24' }] },
      queue: 'provisioning',
      subnets: 1,
    },
  ])
})

test.each([
  ['a range that is none', '/networks', { ...network, cidr: '10.20.0.0' }, 'cidr'],
  [
    'a subnet outside of its network',
    '/networks',
    { ...network, subnets: [{ name: 'a', cidr: '10.21.0.0/24' }] },
    'subnets[0].cidr',
  ],
  [
    'subnets that overlap',
    '/networks',
    {
      ...network,
      subnets: [
        { name: 'a', cidr: '10.20.0.0/20' },
        { name: 'b', cidr: '10.20.1.0/24' },
      ],
    },
    'subnets[1].cidr',
  ],
  ['a provider that is not registered', '/networks', { ...network, provider_id: 'nobody' }, 'provider_id'],
  ['a region that the provider lacks', '/networks', { ...network, region: 'eu-west-1' }, 'region'],
  [
    'ports for icmp',
    '/security-groups',
    { ...placed, name: 'x', rules: [{ ...rule, protocol: 'icmp' }] },
    'rules[0].from_port',
  ],
  [
    'ports that run backwards',
    '/security-groups',
    { ...placed, name: 'x', rules: [{ ...rule, to_port: 80 }] },
    'rules[0].to_port',
  ],
  [
    'a rule’s range that is none',
    '/security-groups',
    { ...placed, name: 'x', rules: [{ ...rule, cidrs: ['0.0.0.0'] }] },
    'rules[0].cidrs[0]',
  ],
  [
    'a network of nobody',
    '/security-groups',
    { ...placed, name: 'x', network_id: 'net_01a206ff-7dac-7f48-9eb5-08bc7fa486d3' },
    'network_id',
  ],
  ['a bucket’s name that no cloud takes', '/buckets', { ...placed, name: 'Has_Capitals' }, 'name'],
  [
    'a lifecycle that does nothing',
    '/buckets',
    { ...placed, name: 'acme-x', lifecycle: [{ id: 'a' }] },
    'lifecycle[0]',
  ],
  [
    'a lifecycle out of order',
    '/buckets',
    { ...placed, name: 'acme-x', lifecycle: [{ id: 'a', cool_after_days: 30, expire_after_days: 7 }] },
    'lifecycle[0].expire_after_days',
  ],
  ['a volume of no size', '/volumes', { ...placed, name: 'x', size_gib: 0 }, 'size_gib'],
])('%s is refused by the name of the field, with a remedy', async (_case, path, body, field) => {
  const answer = await client.post(path, body)
  expect(answer.status).toBe(422)
  expect(answer.body['errors']).toContainEqual(
    expect.objectContaining({
      field,
      reason: expect.any(String) as unknown,
      remedy: expect.any(String) as unknown,
    }),
  )
})

test('a repeated request under one key makes one network', async () => {
  const key = { 'idempotency-key': 'once-and-only' }
  const [first, second] = [
    await client.post('/networks', network, key),
    await client.post('/networks', network, key),
  ]
  expect(second.text).toBe(first.text)
  expect(second.headers.get('idempotency-replayed')).toBe('true')
})

test('a resource is found by our id, or with its provider by the cloud’s own', async () => {
  await book('volume', 'vol_named')
  expect((await client.get('/volumes/vol_named')).status).toBe(200)
  expect((await client.get('/volumes/cloud-vol_named')).status).toBe(404)
  expect((await client.get('/volumes/cloud-vol_named?provider_id=aws-prod')).body).toMatchObject({
    id: 'vol_named',
  })
})

test('one job at a time works on a resource, and a second is refused with a link to the first', async () => {
  await book('volume', 'vol_busy')
  const first = await client.post('/volumes/vol_busy/attach', { vm_id: 'vm_one' })
  expect(first.body).toMatchObject({ job: { kind: 'volume.attach' } })
  const second = await client.delete('/volumes/vol_busy')
  expect(second.status).toBe(409)
  expect(second.body).toMatchObject({
    code: 'resource_busy',
    links: { job: first.body['job']?.['links']?.['self'] },
  })
})

test('a volume is only attached to a VM beside it', async () => {
  await book('volume', 'vol_beside')
  const far = await client.post('/volumes/vol_beside/attach', { vm_id: 'vm_far' })
  expect(far.body).toMatchObject({ code: 'validation_failed', errors: [{ field: 'vm_id' }] })
  const nobody = await client.post('/volumes/vol_beside/attach', { vm_id: 'vm_nobody' })
  expect(nobody.body).toMatchObject({ code: 'validation_failed', errors: [{ field: 'vm_id' }] })
})

test('a change needs the version that was read, and raises it', async () => {
  await book('security_group', 'sg_guarded')
  const etag = (await client.get('/security-groups/sg_guarded')).headers.get('etag') ?? ''
  const path = '/security-groups/sg_guarded/rules'
  expect((await client.put(path, { rules: [rule] })).status).toBe(428)
  const changed = await client.put(path, { rules: [rule] }, { 'if-match': etag })
  expect(changed.status).toBe(202)
  expect(changed.headers.get('etag')).not.toBe(etag)
  expect((await client.put(path, { rules: [] }, { 'if-match': etag })).status).toBe(412)
})

test('lists are filtered by provider, region, state, name and tag, and go by pages', async () => {
  const lister = await api.as('lister', 'admin')
  for (const nr of [1, 2, 3]) await book('address', `adr_l${nr}`, 'lister')
  await api.pool.query(
    `update cloud_resources set tags = '{"team":"web"}', name = 'web-2' where id = 'adr_l2'`,
  )
  const idsOf = async (query: string) => {
    const { body } = await lister.get(`/addresses?${query}`)
    return (body['addresses'] as unknown as { id: string }[]).map(({ id }) => id).toSorted()
  }
  expect(await idsOf('limit=10')).toEqual(['adr_l1', 'adr_l2', 'adr_l3'])
  expect(await idsOf('tag=team:web')).toEqual(['adr_l2'])
  expect(await idsOf('name_pattern=WEB-*')).toEqual(['adr_l2'])
  expect(await idsOf('provider_id=other')).toEqual([])
  expect(await idsOf('state=deleted')).toEqual([])
  const first = await lister.get('/addresses?limit=2')
  const rest = await lister.get(`/addresses?limit=2&cursor=${String(first.body['next_cursor'])}`)
  expect(rest.body).toMatchObject({ addresses: [{}], next_cursor: null })
})

test('what a cloud lacks is refused with its declared reason, and nothing is made', async () => {
  const capabilities = await client.get('/providers/aws-prod/capabilities')
  const { operations, features } = capabilities.body as unknown as Record<
    'operations' | 'features',
    { operation: string; feature: string; supported: boolean; calls?: string[]; reason: string }[]
  >
  expect(operations.find(({ operation }) => operation === 'compute.create')).toMatchObject({
    supported: true,
    calls: expect.arrayContaining(['RunInstances']) as unknown,
  })
  expect(features.length).toBe(22)
  const azure = (await client.get('/providers/azure-prod/capabilities')).body as unknown as {
    features: { feature: string; supported: boolean; reason: string }[]
    operations: { operation: string; supported: boolean; reason: string }[]
  }
  const lack = [...azure.operations, ...azure.features].find(({ supported }) => !supported)
  const name = lack && ('feature' in lack ? lack.feature : lack.operation)
  expect(lack).toBeDefined()
  const before = await api.pool.query('select count(*) from multicloud_vms')
  const answer = await client.post('/vms', {
    ...vmRequest,
    region: 'eastus',
    preferred_provider: 'azure-prod',
    required_capabilities: [name],
  })
  expect(answer.status).toBe(422)
  expect(answer.body).toMatchObject({
    code: 'capability_lacking',
    detail: expect.stringContaining(lack?.reason ?? '') as unknown,
    lacking: [{ provider_id: 'azure-prod', what: name }],
  })
  expect((await api.pool.query('select count(*) from multicloud_vms')).rows).toEqual(before.rows)
})

test('a capability that there is not is refused by its name', async () => {
  const answer = await client.post('/vms', { ...vmRequest, required_capabilities: ['teleportation'] })
  expect(answer.body['errors']).toMatchObject([{ field: 'required_capabilities[0]' }])
})

test('spot, tenancy and the rest of the request reach the job; unknown options are named', async () => {
  const answer = await client.post('/vms', {
    ...vmRequest,
    spot_instance: true,
    max_spot_price: 0.0000004,
    custom_options: {
      tenancy: 'dedicated',
      placement_group: 'rack-1',
      subnet: 'subnet-1',
      detailed_monitoring: true,
      encryption: { key_id: 'alias/own' },
      colour: 'red',
    },
  })
  expect(answer.status).toBe(202)
  expect(answer.body['warnings']).toEqual([expect.stringMatching(/^custom_options .*colour/)])
  const { rows } = await api.pool.query('select input from jobs where id = $1', [textAt(answer, 'job.id')])
  expect(rows).toMatchObject([
    {
      input: {
        spot: { max_hourly_price: '0.0000004' },
        tenancy: 'dedicated',
        placement_group: 'rack-1',
        subnet: 'subnet-1',
        detailed_monitoring: true,
        encryption: { keyId: 'alias/own' },
      },
    },
  ])
})

test('a sync that waits already is joined, and equal questions of one moment are asked once', async () => {
  const [one, two] = [
    await client.post('/providers/aws-prod/sync'),
    await client.post('/providers/aws-prod/sync'),
  ]
  expect(textAt(two, 'job.id')).toBe(textAt(one, 'job.id'))
  const now = { prefer: 'wait=0' }
  const [first, second] = await Promise.all([
    client.get('/quotas?provider_id=aws-prod', now),
    client.get('/quotas?provider_id=aws-prod', now),
  ])
  expect([first.status, second.status]).toEqual([202, 202])
  expect(textAt(second, 'job.id')).toBe(textAt(first, 'job.id'))
  const { body } = await client.get('/jobs?kind=cloud.read')
  expect(body['jobs']).toEqual([])
})

test('a provider is not removed while something that was made here is there, but for what syncs have found', async () => {
  const owner = await api.as('owner', 'admin')
  await owner.post('/providers', awsProvider)
  await api.pool.query(`update jobs set state = 'succeeded' where tenant_id = 'owner'`)
  await book('volume', 'vol_owned', 'owner')
  await book('volume', 'vol_found', 'owner')
  await api.pool.query(`update cloud_resources set found = true where id = 'vol_found'`)
  expect((await owner.delete('/providers/aws-prod')).body).toMatchObject({
    code: 'provider_in_use',
    live_resources: 1,
  })
  await api.pool.query(`update cloud_resources set found = true where id = 'vol_owned'`)
  expect((await owner.delete('/providers/aws-prod')).status).toBe(204)
  const { rows } = await api.pool.query(`select id from cloud_resources where tenant_id = 'owner'`)
  expect(rows).toEqual([])
})
