import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  awsProvider,
  azureProvider,
  openHarness,
  textAt,
  registerClouds,
  vmRequest,
  type Client,
  type Harness,
} from './harness.ts'

let api: Harness
let admin: Client
const answers: string[] = []

beforeAll(async () => {
  api = await openHarness()
  admin = await api.as('acme', 'admin')
})
afterAll(() => api.close())

const secrets = [
  awsProvider.config.credentials.secret_access_key,
  awsProvider.config.credentials.access_key_id,
  azureProvider.config.credentials.client_secret,
  'nEw-SeCrEt-of-the-aws-account',
]

const keep = async (answer: Promise<{ text: string; headers: Headers }>): Promise<void> => {
  const { text, headers } = await answer
  answers.push(text, JSON.stringify([...headers]))
}

/** Every text in every table, sealed bytes aside. */
async function database(): Promise<string> {
  const { rows: tables } = await api.pool.query<{ name: string }>(
    `select table_name as name from information_schema.tables where table_schema = 'public'`,
  )
  const texts = await Promise.all(
    tables.map(async ({ name }) => {
      const { rows } = await api.pool.query(`select t::text as text from "${name}" t`)
      return JSON.stringify(rows)
    }),
  )
  return texts.join('\n')
}

test('no credential and no token is in any answer, log line or table', async () => {
  await registerClouds(admin)
  const wrong = { ...awsProvider.config.credentials, surely_wrong: secrets[0] }
  await keep(admin.post('/providers', { ...awsProvider, provider_id: 'p2' }, { 'idempotency-key': 'k' }))
  await keep(admin.post('/providers', { ...awsProvider, provider_id: 'p2' }, { 'idempotency-key': 'k' }))
  await keep(
    admin.post('/providers', {
      ...awsProvider,
      provider_id: 'p3',
      config: { ...awsProvider.config, credentials: wrong },
    }),
  )
  await keep(
    admin.post('/providers', {
      ...awsProvider,
      provider_id: 'p4',
      config: { ...awsProvider.config, regions: [awsProvider.config.credentials.secret_access_key] },
    }),
  )
  await keep(
    admin.post('/providers', {
      ...awsProvider,
      config: { credentials: awsProvider.config.credentials.secret_access_key },
    }),
  )
  await keep(
    api.request('/api/multicloud/providers', {
      method: 'POST',
      headers: { authorization: `Bearer ${admin.token}`, 'content-type': 'application/json' },
      body: `{"config":{"credentials":{"secret_access_key":"${secrets[0]}" oops`,
    }),
  )
  const rotated = {
    config: {
      ...awsProvider.config,
      credentials: { ...awsProvider.config.credentials, secret_access_key: secrets[3] },
    },
  }
  await keep(admin.put('/providers/p2', rotated, { 'if-match': '*' }))
  for (const path of [
    '/providers',
    '/providers/p2',
    '/providers/p2/health',
    '/providers/p2/health?refresh=true',
    '/jobs',
    '/vms',
    '/webhooks',
  ])
    await keep(admin.get(path))
  await keep(admin.post('/vms', vmRequest))
  await keep(admin.post('/providers', '\u0000'))
  const job = (await admin.get('/jobs')).body['jobs'] as unknown as { id: string }[]
  for (const { id } of job) {
    await keep(admin.get(`/jobs/${id}`))
    await keep(admin.get(`/jobs/${id}/events`, { accept: 'application/json' }))
  }
  await keep(admin.delete('/providers/p2'))

  const kept = await database()
  for (const secret of [...secrets, admin.token]) {
    expect(answers.filter((text) => text.includes(secret)).map((text) => text.slice(0, 300))).toEqual([])
    expect(api.logged().includes(secret)).toBe(false)
    expect(kept.includes(secret)).toBe(false)
  }
})

test('a webhook’s secret is shown when it is made and is nowhere afterwards', async () => {
  const made = await admin.post(
    '/webhooks',
    { url: 'https://hooks.example.com/' },
    { 'idempotency-key': 'hook' },
  )
  const id = textAt(made, 'webhook.id')
  const rotated = await admin.post(`/webhooks/${id}/rotate-secret`)
  const kept = await database()
  const shown = [
    await admin.get('/webhooks'),
    await admin.get(`/webhooks/${id}`),
    await admin.post(`/webhooks/${id}/test`),
  ]
  for (const secret of [textAt(made, 'secret'), textAt(rotated, 'secret')]) {
    expect(secret).toMatch(/^whsec_/)
    expect(kept.includes(secret.slice(6))).toBe(false)
    expect(shown.some(({ text }) => text.includes(secret.slice(6)))).toBe(false)
    expect(api.logged().includes(secret.slice(6))).toBe(false)
  }
})

test('an error that nobody foresaw tells its request id and nothing else', async () => {
  const broken = await openHarness()
  const client = await broken.as('acme', 'admin')
  const password = 'pAsSwOrD-in-a-connection-string'
  Object.assign(broken.deps.orm.em, {
    fork: () => {
      throw new Error(`connect postgres://x:${password}@db`)
    },
  })
  const answer = await client.get('/jobs')
  expect(answer.status).toBe(500)
  expect(answer.body).toMatchObject({ code: 'internal_error' })
  expect(answer.text).not.toContain(password)
  expect(broken.logged()).toContain(textAt(answer, 'request_id'))
  await broken.close()
})
