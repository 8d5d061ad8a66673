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
  api = await openHarness({ ALLOW_PRIVATE_NETWORKS: true })
  client = await api.as('acme', 'admin')
  await registerClouds(client)
  for (const id of ['vm_i1', 'vm_i2', 'vm_i3']) await bookVm(api.pool, { id, tenant: 'acme' })
})
afterAll(() => api.close())

const jobCount = async () =>
  (await api.pool.query<{ count: number }>('select count(*)::int from jobs')).rows[0]?.count ?? 0

test.each([
  ['creating a VM', '/vms', vmRequest],
  ['stopping a VM', '/vms/vm_i1/stop', undefined],
  ['migrating a VM', '/migrations', { vm_id: 'vm_i2', destination_provider_id: 'azure-prod' }],
  ['registering a provider', '/providers', { ...awsProvider, provider_id: 'aws-again' }],
])('%s 20 times at once with one key happens once, and all get the same answer', async (name, path, body) => {
  const before = await jobCount()
  const key = { 'idempotency-key': `twenty-${name.replaceAll(' ', '-')}` }
  const answers = await Promise.all(Array.from({ length: 20 }, () => client.post(path, body, key)))
  expect(await jobCount()).toBe(before + 1)
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
  expect(new Set(answers.map(({ status }) => status)).size).toBe(1)
  expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === 'true')).toHaveLength(19)
})

test('a key is good for one request only', async () => {
  const key = { 'idempotency-key': 'once' }
  expect((await client.post('/vms', vmRequest, key)).status).toBe(202)
  const other = await client.post('/vms', { ...vmRequest, name: 'other' }, key)
  expect(other.status).toBe(422)
  expect(other.body).toMatchObject({ code: 'idempotency_key_reused' })
  expect((await client.post('/vms/vm_i3/stop', undefined, key)).body).toMatchObject({
    code: 'idempotency_key_reused',
  })
})

test("a key is the tenant's own", async () => {
  const other = await api.as('other', 'admin')
  await registerClouds(other)
  const key = { 'idempotency-key': 'shared' }
  const one = await client.post('/vms', vmRequest, key)
  const two = await other.post('/vms', vmRequest, key)
  expect(two.headers.get('idempotency-replayed')).toBeNull()
  expect(one.body['vm']?.['id']).not.toBe(two.body['vm']?.['id'])
})

test('a request that was refused does not use up its key', async () => {
  const key = { 'idempotency-key': 'refused-first' }
  expect((await client.post('/vms', { ...vmRequest, region: 'nowhere-1' }, key)).status).toBe(422)
  expect((await client.post('/vms', vmRequest, key)).status).toBe(202)
})

test('a repeated creation of a webhook shows its secret again, and the table holds it sealed', async () => {
  const key = { 'idempotency-key': 'hook' }
  const body = { url: 'http://127.0.0.1:9/hook' }
  const one = await client.post('/webhooks', body, key)
  const two = await client.post('/webhooks', body, key)
  expect(two.headers.get('idempotency-replayed')).toBe('true')
  expect(two.text).toBe(one.text)
  const { rows } = await api.pool.query<{ response: string }>(
    `select response::text from idempotency_keys where key = 'hook'`,
  )
  expect(rows[0]?.response).not.toContain(textAt(one, 'secret').slice(6, 20))
})

test.each(['', ' ', 'a b', 'ä', 'x'.repeat(256)])('the key %j is refused', async (key) => {
  const answer = await client.post('/vms', vmRequest, { 'idempotency-key': encodeHeader(key) })
  // An empty or blank header is trimmed away to an empty key, which is refused as well.
  expect(answer.status).toBe(422)
  expect(answer.body['errors']).toMatchObject([{ field: 'header.Idempotency-Key' }])
})

/** A header is bytes: what is beyond ASCII goes over the wire as Latin-1. */
const encodeHeader = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')
