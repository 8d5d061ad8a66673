import { afterAll, beforeAll, expect, test } from 'vitest'
import { openHarness, type Harness } from '../harness.ts'

let api: Harness
beforeAll(async () => {
  api = await openHarness()
})
afterAll(() => api.close())

const form = (fields: Record<string, string>, headers: Record<string, string> = {}) => ({
  method: 'POST',
  headers: {
    'content-type': 'application/x-www-form-urlencoded',
    'sec-fetch-site': 'same-origin',
    ...headers,
  },
  body: new URLSearchParams(fields).toString(),
})

async function signIn(...roles: ('viewer' | 'admin' | 'platform')[]): Promise<string> {
  const { token } = await api.as('acme', ...roles)
  const answer = await api.request('/login', form({ token, next: '/board' }))
  expect(answer.status).toBe(303)
  return answer.headers.get('set-cookie')?.split(';')[0] ?? ''
}

test('signing in gives a cookie that scripts cannot read and other sites cannot send', async () => {
  const { token } = await api.as('acme', 'viewer')
  const answer = await api.request('/login', form({ token, next: '/console' }))
  expect(answer.headers.get('location')).toBe('/console')
  const cookie = answer.headers.get('set-cookie') ?? ''
  expect(cookie).toContain('HttpOnly')
  expect(cookie).toContain('SameSite=Strict')
  expect(Number(/Max-Age=(\d+)/.exec(cookie)?.[1])).toBeLessThanOrEqual(3600)
})

test('a bad token gives no cookie and says why', async () => {
  const answer = await api.request('/login', form({ token: 'nonsense' }))
  expect(answer.headers.get('set-cookie')).toBeNull()
  expect(answer.headers.get('location')).toContain('/login?problem=')
})

test('signing in leads to the place in the console that was asked for, also after a bad token', async () => {
  const { token } = await api.as('acme', 'viewer')
  const next = '/console#/jobs?state=failed'
  const bad = await api.request('/login', form({ token: 'nonsense', next }))
  const again = new URL(bad.headers.get('location') ?? '', 'http://here').searchParams
  expect(again.get('next')).toBe(next)
  expect(again.get('problem')).toBeTruthy()
  expect((await api.request('/login', form({ token, next }))).headers.get('location')).toBe(next)
})

test.each(['//evil.example', 'https://evil.example', '/\\evil.example', 'javascript:alert(1)'])(
  'signing in never leads to another site (%s)',
  async (next) => {
    const { token } = await api.as('acme', 'viewer')
    const answer = await api.request('/login', form({ token, next }))
    expect(answer.headers.get('location')).toBe('/console')
  },
)

test('the cookie reads, but changes nothing unless one of our own pages asks', async () => {
  const cookie = await signIn('admin')
  expect((await api.request('/api/multicloud/vms', { headers: { cookie } })).status).toBe(200)
  const post = (headers: Record<string, string>) =>
    api.request('/api/multicloud/jobs/nothing/cancel', { method: 'POST', headers: { cookie, ...headers } })
  expect((await post({})).body).toMatchObject({ status: 403, code: 'cross_site' })
  expect((await post({ 'sec-fetch-site': 'cross-site' })).status).toBe(403)
  expect((await post({ 'sec-fetch-site': 'same-site' })).status).toBe(403)
  expect((await post({ origin: 'https://evil.example', host: 'nova.example' })).status).toBe(403)
  expect((await post({ 'sec-fetch-site': 'same-origin' })).status).toBe(404)
  expect((await post({ origin: 'https://nova.example', host: 'nova.example' })).status).toBe(404)
})

test('signing in from another site is refused', async () => {
  const { token } = await api.as('acme', 'viewer')
  const answer = await api.request('/login', form({ token }, { 'sec-fetch-site': 'cross-site' }))
  expect(answer.headers.get('set-cookie')).toBeNull()
})

test('the board is for the platform role alone', async () => {
  const html = { accept: 'text/html' }
  expect((await api.request('/board', { headers: html })).headers.get('location')).toBe(
    '/login?next=%2Fboard',
  )
  const admin = await api.request('/board', { headers: { ...html, cookie: await signIn('admin') } })
  expect(admin.headers.get('location')).toContain('/login?next=%2Fboard&problem=')
  expect(
    (await api.request('/board/api/queues', { headers: { cookie: await signIn('admin') } })).status,
  ).toBe(403)
  const cookie = await signIn('platform')
  const board = await api.request('/board', { headers: { ...html, cookie } })
  expect(board.status).toBe(200)
  expect(board.text).toContain('NovaCron queues')
  const queues = await api.request('/board/api/queues', { headers: { cookie } })
  expect((queues.body['queues'] as unknown as { name: string }[]).map(({ name }) => name)).toEqual([
    'provisioning',
    'migration',
    'webhooks',
    'upkeep',
  ])
  expect(
    (await api.request('/board/api/queues/provisioning/pause', { method: 'PUT', headers: { cookie } }))
      .status,
  ).toBe(403)
})

test('the board shows the ids in an entry and nothing else of it', async () => {
  const queue = api.deps.queues.of('upkeep')
  const data = { jobId: 'job_1', direction: 'do' as const, position: 0, epoch: 1 }
  const entry = await queue.add('check', Object.assign({ password: 'sEcReT' }, data))
  const answer = await api.request(`/board/api/queues/upkeep/${entry.id}`, {
    headers: { cookie: await signIn('platform') },
  })
  expect(answer.status).toBe(200)
  expect(answer.body['job']?.['data']).toEqual(data)
  expect(answer.body['job']?.['externalUrl']).toMatchObject({ href: '/console#/jobs/job_1' })
  expect(answer.text).not.toContain('sEcReT')
})

test('the console needs a session, the reference and the sign-in page do not', async () => {
  const html = { accept: 'text/html' }
  expect((await api.request('/console', { headers: html })).status).toBe(303)
  expect(
    (await api.request('/console', { headers: { ...html, cookie: await signIn('viewer') } })).status,
  ).toBe(200)
  for (const path of ['/docs', '/login']) {
    const page = await api.request(path, { headers: html })
    expect(page.status).toBe(200)
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'")
  }
})

test('signing out takes the cookie away', async () => {
  const answer = await api.request('/logout', { method: 'POST' })
  expect(answer.headers.get('set-cookie')).toMatch(/Max-Age=0/)
})
