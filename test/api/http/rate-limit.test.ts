import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { openRateBuckets, type Quota } from '#api/http/rate-buckets.ts'
import { openPool } from '#db/pool.ts'
import { openHarness, registerClouds, vmRequest } from '#test/api/harness.ts'
import { brokenPromises } from '#test/api/promised.ts'
import { createTestDatabase } from '#test/setup/database.ts'
import type { Document } from '#test/api/conforms.ts'

const silent = pino({ level: 'silent' })

async function limitedApi(RATE_LIMIT_PER_CALLER: number, RATE_LIMIT_PER_TENANT: number) {
  const api = await openHarness({ RATE_LIMIT_PER_CALLER, RATE_LIMIT_PER_TENANT })
  onTestFinished(() => api.close())
  return api
}

test('one request too many of a caller is 429 with the time to come back, as documented, and did nothing', async () => {
  const api = await limitedApi(4, 100)
  const [admin, other] = [await api.as('acme', 'admin'), await api.as('acme', 'operator')]
  await registerClouds(admin)
  const third = await admin.get('/vms')
  expect(third.headers.get('ratelimit-policy')).toBe('"caller";q=4;w=60, "tenant";q=100;w=60')
  // The three that were taken have all come back after 45 s of the first, the tenant's after two.
  expect(third.headers.get('ratelimit')).toMatch(/^"caller";r=1;t=[34]\d, "tenant";r=9[78];t=[12]$/)
  expect((await admin.post('/vms', vmRequest)).status).toBe(202)

  const refused = await admin.post('/vms', vmRequest)
  expect(refused).toMatchObject({ status: 429, body: { code: 'rate_limited', policies: ['caller'] } })
  const seconds = Number(refused.headers.get('retry-after'))
  expect(seconds).toBeGreaterThan(0)
  expect(seconds).toBeLessThanOrEqual(15)
  expect(refused.headers.get('ratelimit')).toContain(`"caller";r=0;t=${seconds}`)
  const document = JSON.parse((await api.request('/openapi.json')).text) as Document
  expect(brokenPromises(document, 'POST', '/api/multicloud/vms', refused)).toEqual([])
  expect((await api.pool.query('select 1 from multicloud_vms')).rowCount).toBe(1)

  expect((await other.get('/vms')).status).toBe(200)
  expect((await (await api.as('globex', 'admin')).get('/vms')).status).toBe(200)
})

test('what all callers of a tenant make together has a quota of its own, and other answers than success tell it too', async () => {
  const api = await limitedApi(100, 2)
  const [one, two] = [await api.as('acme', 'viewer'), await api.as('acme', 'operator')]
  const missing = await one.get('/vms/nothing')
  expect(missing.status).toBe(404)
  expect(missing.headers.get('ratelimit')).toContain('"tenant";r=1;')
  await two.get('/vms')
  expect(await one.get('/vms')).toMatchObject({ status: 429, body: { policies: ['tenant'] } })
  expect((await two.get('/jobs')).status).toBe(429)
})

test('without quotas nothing is refused, and no header speaks of any', async () => {
  const api = await limitedApi(0, 0)
  const answer = await (await api.as('acme', 'viewer')).get('/vms')
  expect(answer.status).toBe(200)
  expect([...answer.headers.keys()].filter((name) => name.startsWith('ratelimit'))).toEqual([])
})

test('a quota comes back evenly, and a request that one quota refuses takes nothing of another', () => {
  let nowMs = 0
  const pool = openPool('postgres://nobody@127.0.0.1:1/none', 1)
  const buckets = openRateBuckets(pool, silent, { now: () => nowMs })
  onTestFinished(() => buckets.close())
  const narrow: Quota = { policy: 'narrow', requests: 6, windowS: 60 }
  const wide: Quota = { policy: 'wide', requests: 100, windowS: 60 }
  const take = () =>
    buckets.take([
      { quota: narrow, id: 'me' },
      { quota: wide, id: 'all' },
    ])
  for (let made = 0; made < 6; made++) expect(take().granted).toBe(true)
  const { granted, standings } = take()
  expect(granted).toBe(false)
  expect(standings).toMatchObject([{ remaining: 0, resetS: 10 }, { remaining: 94 }])
  nowMs += 9_900
  expect(take().granted).toBe(false)
  nowMs += 100
  expect(take().granted).toBe(true)
  expect(take().granted).toBe(false)
  nowMs += 60_000
  expect(take().standings[0]?.remaining).toBe(5)
})

test('processes share a quota: each learns within its next exchange what the others let through', async () => {
  const database = await createTestDatabase()
  const pool = openPool(database.url, 2)
  onTestFinished(async () => {
    await pool.end()
    await database.drop()
  })
  // So slow to come back that nothing does within a test.
  const quota: Quota = { policy: 'tenant', requests: 10, windowS: 1_000_000 }
  const [one, two] = [1, 2].map(() => openRateBuckets(pool, silent, { everyMs: 600_000 }))
  if (!one || !two) throw new Error('there are two')
  const take = (buckets: typeof one, times: number) =>
    Array.from({ length: times }, () => buckets.take([{ quota, id: 'acme' }]).granted)
  take(one, 4)
  take(two, 3)
  await Promise.all([one.sync(), two.sync()])
  take(one, 1)
  await one.sync()
  // Seven and one are known to the first process; the second, which took nothing since, may know less of the others.
  expect(take(one, 3)).toEqual([true, true, false])
  await one.sync()
  take(two, 1)
  await two.sync()
  expect(take(two, 1)).toEqual([false])
  expect((await pool.query('select level from rate_buckets')).rows).toEqual([
    { level: expect.closeTo(11, 2) },
  ])
  for (const buckets of [one, two]) buckets.close()
})

test('an exchange happens by itself, once for many requests, and not at all without any', async () => {
  const database = await createTestDatabase()
  const pool = openPool(database.url, 1)
  let exchanges = 0
  const counting = Object.assign(Object.create(pool) as typeof pool, {
    query: (...args: Parameters<typeof pool.query>) => {
      exchanges += 1
      return pool.query(...args)
    },
  })
  const buckets = openRateBuckets(counting, silent, { everyMs: 50 })
  onTestFinished(async () => {
    buckets.close()
    await pool.end()
    await database.drop()
  })
  for (let made = 0; made < 500; made++)
    buckets.take([{ quota: { policy: 'tenant', requests: 1_000, windowS: 60 }, id: 'acme' }])
  await expect.poll(async () => (await pool.query('select 1 from rate_buckets')).rowCount).toBe(1)
  await new Promise((resolve) => setTimeout(resolve, 150))
  expect(exchanges).toBe(1)
})

test('while the database is away each process goes by its own count', async () => {
  const pool = openPool('postgres://nobody@127.0.0.1:1/none', 1)
  const buckets = openRateBuckets(pool, silent, { everyMs: 600_000 })
  onTestFinished(() => buckets.close())
  const take = () =>
    buckets.take([{ quota: { policy: 'tenant', requests: 2, windowS: 600 }, id: 'a' }]).granted
  expect([take(), take(), take()]).toEqual([true, true, false])
  await buckets.sync()
  expect(take()).toBe(false)
})
