import { afterAll, beforeAll, expect, test } from 'vitest'
import { openCredentials, webhookCredential } from '#shared/secrets/credentials.ts'
import { openHarness, textAt, type Client, type Harness } from './harness.ts'

let api: Harness
let client: Client

beforeAll(async () => {
  api = await openHarness()
  client = await api.as('acme', 'admin')
})
afterAll(() => api.close())

const create = (body: Record<string, unknown> = {}) =>
  client.post('/webhooks', { url: 'https://hooks.example.com/in', ...body })
const secretOf = (id: string) => openCredentials(api.pool, api.deps.keyring, 'acme', webhookCredential(id))

test('the secret is shown at creation and never again, and what is kept is the same', async () => {
  const created = await create({ events: ['migration.*', 'job.failed'], description: 'ops' })
  expect(created.status).toBe(201)
  const secret = textAt(created, 'secret')
  expect(Buffer.from(secret.replace('whsec_', ''), 'base64')).toHaveLength(32)
  const id = textAt(created, 'webhook.id')
  expect(await secretOf(id)).toEqual({ secret })
  const read = await client.get(`/webhooks/${id}`)
  expect(read.body).toMatchObject({
    id,
    events: ['migration.*', 'job.failed'],
    description: 'ops',
    enabled: true,
    version: 1,
  })
  expect(read.text).not.toContain('whsec_')
  expect((await client.get('/webhooks')).text).not.toContain('whsec_')
})

test('rotating gives a new secret and keeps the old one for a day', async () => {
  const created = await create()
  const id = textAt(created, 'webhook.id')
  const rotated = await client.post(`/webhooks/${id}/rotate-secret`)
  expect(rotated.status).toBe(200)
  expect(rotated.body['secret']).not.toBe(created.body['secret'])
  expect(await secretOf(id)).toEqual({
    secret: rotated.body['secret'],
    previous_secret: created.body['secret'],
    previous_until: rotated.body['previous_secret_valid_until'],
  })
})

test.each([
  ['http', 'http://hooks.example.com/in'],
  ['loopback', 'https://127.0.0.1/in'],
  ['a number that is loopback', 'https://2130706433/in'],
  ['an address mapped into IPv6', 'https://[::ffff:10.0.0.1]/in'],
  ['the metadata service', 'https://169.254.169.254/latest'],
  ['a local name', 'https://localhost/in'],
  ['a name and password', 'https://user:pass@hooks.example.com/in'],
  ['no address', 'nonsense'],
])('an address with %s is refused', async (_case, url) => {
  const answer = await create({ url })
  expect(answer.status).toBe(422)
  expect(answer.body['errors']).toMatchObject([{ field: 'url' }])
})

test('an event that there is not is refused', async () => {
  expect((await create({ events: ['job.exploded'] })).body['errors']).toMatchObject([{ field: 'events[0]' }])
})

test('a change needs the version that it is based on; enabling forgets why it was disabled', async () => {
  const id = textAt(await create(), 'webhook.id')
  await api.pool.query(`update webhooks set enabled = false, disabled_reason = 'gone' where id = $1`, [id])
  const url = 'https://hooks.example.com/other'
  expect((await client.put(`/webhooks/${id}`, { url })).status).toBe(428)
  const changed = await client.put(`/webhooks/${id}`, { url, events: ['vm.*'] }, { 'if-match': '"v1"' })
  expect(changed.body).toMatchObject({
    url,
    events: ['vm.*'],
    enabled: true,
    disabled_reason: null,
    version: 2,
  })
  expect((await client.put(`/webhooks/${id}`, { url }, { 'if-match': '"v1"' })).status).toBe(412)
})

test('a test message is a delivery like any other', async () => {
  const id = textAt(await create(), 'webhook.id')
  const sent = await client.post(`/webhooks/${id}/test`)
  expect(sent.status).toBe(202)
  expect(sent.body).toMatchObject({
    delivery: { webhook_id: id, type: 'webhook.test', state: 'pending' },
    job: { kind: 'webhook.deliver' },
  })
  const deliveries = await client.get(`/webhooks/${id}/deliveries`)
  expect(deliveries.body['deliveries']).toMatchObject([
    { id: sent.body['delivery']?.['id'], attempts: 0, payload: { type: 'webhook.test' } },
  ])
  expect((await client.get(`/webhooks/${id}/deliveries?state=delivered`)).body['deliveries']).toEqual([])
  await api.pool.query('update webhooks set enabled = false where id = $1', [id])
  expect((await client.post(`/webhooks/${id}/test`)).body).toMatchObject({ code: 'webhook_disabled' })
})

test('a removed webhook takes its secret and deliveries with it', async () => {
  const id = textAt(await create(), 'webhook.id')
  await client.post(`/webhooks/${id}/test`)
  expect((await client.delete(`/webhooks/${id}`)).status).toBe(204)
  expect((await client.get(`/webhooks/${id}`)).status).toBe(404)
  await expect(secretOf(id)).rejects.toMatchObject({ code: 'secret_missing' })
  const { rows } = await api.pool.query('select 1 from webhook_deliveries where webhook_id = $1', [id])
  expect(rows).toEqual([])
})
