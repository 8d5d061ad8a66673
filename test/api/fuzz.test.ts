import { afterAll, beforeAll, expect, test } from 'vitest'
import { endpoints } from '#api/app.ts'
import {
  bookVm,
  openHarness,
  registerClouds,
  textAt,
  vmRequest,
  type Client,
  type Harness,
} from './harness.ts'
import { oddBodies, oddHeaders, oddIds, oddQueryValues, oddValues, random } from './fuzz.ts'
import { fill, operationsOf, soundBodies, type OpenApi } from './fuzz-routes.ts'

const seed = 20_261_123
let api: Harness
let admin: Client
let stranger: Client

beforeAll(async () => {
  api = await openHarness({ ALLOW_PRIVATE_NETWORKS: false })
  admin = await api.as('acme', 'platform')
  stranger = await api.as('stranger', 'platform')
  await registerClouds(admin)
  await bookVm(api.pool, { id: 'vm_own', tenant: 'acme' })
  await bookVm(api.pool, { id: 'vm_other', tenant: 'acme' })
})
afterAll(() => api.close())

/** One request that must be refused. */
interface Case {
  why: string
  method: string
  url: string
  headers: Record<string, string>
  body?: string
  /** The only answers that are right. */
  expected?: readonly number[]
}

const operations = async () => operationsOf((await api.request('/openapi.json')).body as unknown as OpenApi)

/** Runs a case. @returns what is wrong with the answer, or undefined. */
async function judge(one: Case): Promise<string | undefined> {
  const answer = await api.request(one.url, {
    method: one.method,
    headers: one.headers,
    ...(one.body === undefined ? {} : { body: one.body }),
  })
  const label = `${one.method} ${one.url.slice(0, 120)} (${one.why}, ${JSON.stringify(one.headers).slice(0, 80)}, ${one.body?.slice(0, 80) ?? ''})`
  if (answer.status < 400 || answer.status > 499)
    return `${label}: ${answer.status} ${answer.text.slice(0, 200)}`
  if (one.expected && !one.expected.includes(answer.status))
    return `${label}: ${answer.status}, not ${one.expected.join(' or ')}`
  if (answer.headers.get('content-type') !== 'application/problem+json') return `${label}: not a problem`
  const { code, detail, status, request_id: id } = answer.body
  if (!code || !detail || Number(status) !== answer.status || !id)
    return `${label}: not a whole problem: ${answer.text}`
  return undefined
}

async function judgeAll(cases: Case[]): Promise<void> {
  const faults: string[] = []
  for (const one of cases) {
    const fault = await judge(one)
    if (fault) faults.push(fault)
  }
  expect(faults.slice(0, 10)).toEqual([])
}

/** One resource of each kind that the API makes without more ado, by its path. */
async function makeResources(client: Client): Promise<Record<string, string>> {
  const made: Record<string, string> = {}
  for (const [path, one] of [
    ['networks', 'network'],
    ['security-groups', 'security_group'],
    ['addresses', 'address'],
    ['volumes', 'volume'],
    ['buckets', 'bucket'],
  ] as const)
    made[path] = textAt(await client.post(`/${path}`, soundBodies[`/api/multicloud/${path}`]), `${one}.id`)
  const snapshot = await client.post('/vms/vm_own/snapshot', { name: 'fuzzed' })
  const image = await client.post('/images', { vm_id: 'vm_own', name: 'fuzzed' })
  const subnet = await api.pool.query<{ id: string }>(
    `select id from cloud_resources where tenant_id = 'acme' and kind = 'subnet' limit 1`,
  )
  return {
    ...made,
    subnets: subnet.rows[0]?.id ?? '',
    snapshots: textAt(snapshot, 'snapshot.id'),
    images: textAt(image, 'image.id'),
  }
}

const bearer = (client: Client) => ({ authorization: `Bearer ${client.token}` })
const json = { 'content-type': 'application/json' }
let total = 0

test('the document lists exactly the routes that are served', async () => {
  const documented = (await operations()).map(({ path, method }) => `${method} ${path}`)
  expect(documented.toSorted()).toEqual(endpoints.map(({ path, method }) => `${method} ${path}`).toSorted())
})

test('requests without a good token, on every route', async () => {
  const tokens = [
    '',
    'Bearer',
    'Bearer x.y.z',
    `Bearer ${admin.token.slice(0, -2)}`,
    `Bearer ${admin.token}x`,
    `Basic ${admin.token}`,
    `Bearer ${'x'.repeat(9000)}`,
  ]
  const cases = (await operations()).flatMap(({ path, method, takesBody }) =>
    tokens.map((authorization): Case => ({
      why: 'token',
      method: method.toUpperCase(),
      url: fill(path, 'aws-prod'),
      headers: { authorization, ...(takesBody ? json : {}) },
      ...(takesBody ? { body: JSON.stringify(soundBodies[path] ?? {}) } : {}),
      expected: [401],
    })),
  )
  total += cases.length
  await judgeAll(cases)
})

test('ids that are nobody’s or another tenant’s, on every route that names something', async () => {
  const webhook = await admin.post('/webhooks', { url: 'https://hooks.example.com/' })
  const vm = await admin.post('/vms', vmRequest)
  const migration = await admin.post('/migrations', {
    vm_id: 'vm_other',
    destination_provider_id: 'azure-prod',
  })
  const resources = await makeResources(admin)
  const foreign: Record<string, string> = {
    ...resources,
    providers: 'aws-prod',
    vms: textAt(vm, 'vm.id'),
    migrations: textAt(migration, 'migration.id'),
    jobs: textAt(vm, 'job.id'),
    webhooks: textAt(webhook, 'webhook.id'),
  }
  const cases = (await operations())
    .filter(({ path }) => path.includes('{'))
    .flatMap(({ path, method, takesBody }) => {
      const own = foreign[path.split('/')[3] ?? ''] ?? ''
      const common = (client: Client, id: string, why: string): Case => ({
        why,
        method: method.toUpperCase(),
        url: fill(path, id),
        headers: {
          ...bearer(client),
          ...(takesBody ? json : {}),
          ...(method === 'put' ? { 'if-match': '*' } : {}),
        },
        ...(takesBody ? { body: JSON.stringify(soundBodies[path] ?? {}) } : {}),
        expected: [404],
      })
      return [common(stranger, own, 'foreign'), ...oddIds.map((id) => common(admin, id, 'id'))]
    })
  total += cases.length
  await judgeAll(cases)
})

test('bodies that are not what the route takes, on every route that takes one', async () => {
  const all = (await operations()).filter(({ takesBody }) => takesBody)
  const cases = all.flatMap(({ path, method }) =>
    oddBodies.map((body): Case => ({
      why: 'body',
      method: method.toUpperCase(),
      // An id of nobody's, so that even a body that happens to be right changes nothing.
      url: fill(path, 'nothing'),
      headers: { ...bearer(admin), ...json, 'if-match': '*' },
      body,
      expected: [400, 404, 413, 422],
    })),
  )
  total += cases.length
  await judgeAll(cases)
})

test('one odd value in every field of every body, at random depths', async () => {
  const { pick, below } = random(seed)
  const cases: Case[] = []
  for (const { path, method, fields, takesBody } of await operations()) {
    const sound = soundBodies[path]
    if (!takesBody || !sound) continue
    for (const field of [...fields, 'unknown_field', 'constructor', 'toString'])
      for (let round = 0; round < 12; round++) {
        const body: Record<string, unknown> = structuredClone(sound)
        const value = round < 3 ? { deep: pick(oddValues) } : pick(oddValues)
        const inner = body['config']
        if (field === 'config' && typeof inner === 'object' && inner && below(2) === 0)
          Object.assign(inner, {
            [pick(['credentials', 'regions', 'endpoints', 'options', 'name', 'default_region'])]: value,
          })
        else body[field] = value
        // A field that another one makes wrong whatever the odd value is: what is accepted by chance would be no fault.
        body['surely_unknown'] = value
        cases.push({
          why: `field ${field}`,
          method: method.toUpperCase(),
          url: fill(path, 'aws-prod'),
          headers: { ...bearer(admin), ...json, 'if-match': '*' },
          body: JSON.stringify(body),
          expected: [400, 404, 413, 422],
        })
      }
  }
  total += cases.length
  await judgeAll(cases)
})

test('odd values in every parameter of every query, and parameters that there are not', async () => {
  const cases: Case[] = []
  for (const { path, method, query } of await operations()) {
    for (const name of [...query, 'unheard_of', 'limit', 'cursor'])
      for (const value of oddQueryValues)
        cases.push({
          why: 'query',
          method: method.toUpperCase(),
          // Always with something that is wrong for sure: a filter may take nearly any text.
          url: `${fill(path, 'nothing')}?${name}=${value}&limit=none`,
          headers: bearer(admin),
        })
  }
  total += cases.length
  await judgeAll(cases)
})

test('odd headers, and methods that a route does not take', async () => {
  const cases: Case[] = []
  for (const { path, method, takesBody } of await operations()) {
    for (const headers of oddHeaders)
      cases.push({
        why: 'header',
        method: method.toUpperCase(),
        url: `${fill(path, 'nothing')}?limit=none`,
        headers: { ...bearer(admin), ...(takesBody ? json : {}), ...headers },
        ...(takesBody ? { body: '{"surely_unknown":1}' } : {}),
      })
    const taken = new Set(endpoints.filter((one) => one.path === path).map((one) => one.method.toUpperCase()))
    for (const other of ['PATCH', 'OPTIONS', 'PROPFIND', 'POST', 'PUT', 'DELETE'].filter(
      (name) => !taken.has(name),
    ))
      cases.push({
        why: 'method',
        method: other,
        url: fill(path, 'nothing'),
        headers: bearer(admin),
        expected: [405],
      })
  }
  total += cases.length
  await judgeAll(cases)
})

test('routes that there are not', async () => {
  const { pick } = random(seed + 1)
  const parts = [
    'api',
    'multicloud',
    'vms',
    'jobs',
    '%00',
    'x'.repeat(500),
    'admin',
    '.env',
    'board.php',
    '%ff',
  ]
  const cases = Array.from({ length: 100 }, (): Case => ({
    why: 'route',
    method: pick(['GET', 'POST', 'DELETE']),
    url: `/api/multicloud/none/${pick(parts)}/${pick(parts)}`,
    headers: bearer(admin),
  }))
  total += cases.length
  await judgeAll(cases)
})

test('that was more than 2,000 requests, none of which was our fault or changed anything', async () => {
  expect(total).toBeGreaterThan(2000)
  expect(api.logged()).not.toContain('request failed')
  const { rows } = await api.pool.query(
    `select (select count(*)::int from cloud_providers) as providers, (select count(*)::int from webhooks) as webhooks,
       (select count(*)::int from multicloud_vms) as vms, (select count(*)::int from migrations) as migrations,
       (select count(*)::int from cloud_resources) as resources, (select count(*)::int from jobs where kind like '%.delete') as deletions`,
  )
  expect(rows).toEqual([{ providers: 2, webhooks: 1, vms: 3, migrations: 1, resources: 8, deletions: 0 }])
})

test('what is odd in one place only may be accepted, but is never our fault', async () => {
  const client = await api.as('chance', 'platform')
  await registerClouds(client)
  await bookVm(api.pool, { id: 'vm_chance', tenant: 'chance' })
  const { next } = random(seed + 2)
  const faults: string[] = []
  const send = async (method: string, url: string, body?: unknown) => {
    const init = { method: method.toUpperCase(), headers: { ...bearer(client), ...json, 'if-match': '*' } }
    const answer = await api.request(url, {
      ...init,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (answer.status >= 500)
      faults.push(`${method} ${url} ${JSON.stringify(body)?.slice(0, 200)}: ${answer.status}`)
  }
  for (const { path, method, fields, query, takesBody } of await operations()) {
    const id = path.includes('/vms/') ? 'vm_chance' : 'aws-prod'
    for (const field of takesBody ? fields : [])
      for (const value of oddValues)
        if (next() < 0.5) await send(method, fill(path, id), { ...soundBodies[path], [field]: value })
    for (const name of method === 'get' ? [...query, 'tag.x'] : [])
      for (const value of oddQueryValues) await send(method, `${fill(path, id)}?${name}=${value}`)
  }
  expect(faults.slice(0, 10)).toEqual([])
  expect(api.logged()).not.toContain('request failed')
})
