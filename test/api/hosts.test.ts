import { afterAll, beforeAll, expect, test } from 'vitest'
import { openHarness, registerClouds, type Client, type Harness } from './harness.ts'

let api: Harness
let admin: Client

beforeAll(async () => {
  api = await openHarness()
  admin = await api.as('acme', 'admin')
  await registerClouds(admin)
  const hosts = ['kvm-1', 'kvm-2'].map((name) => ({
    name,
    location: 'basement',
    uri: `qemu+ssh://${name}.example.com/system`,
  }))
  await admin.post('/providers', {
    provider_id: 'home',
    type: 'on-premise',
    config: { credentials: {}, options: { driver: 'libvirt', hosts } },
  })
})
afterAll(() => api.close())

test('draining a host is a job, and one at a time', async () => {
  const answer = await admin.post('/providers/home/hosts/kvm-1/drain?max_downtime=250ms')
  expect(answer.status).toBe(202)
  expect(answer.body).toMatchObject({ job: { kind: 'host.drain', subject: 'home/kvm-1', state: 'queued' } })
  const { rows } = await api.pool.query<{ input: object }>(`select input from jobs where kind = 'host.drain'`)
  expect(rows[0]?.input).toEqual({
    provider_id: 'home',
    region: 'basement',
    host: 'kvm-1',
    max_downtime_ms: 250,
  })
  expect((await admin.post('/providers/home/hosts/kvm-1/open')).body).toMatchObject({ code: 'host_busy' })
  expect((await admin.post('/providers/home/hosts/kvm-2/open')).status).toBe(202)
})

test('a host that the registration does not name is not found', async () => {
  expect((await admin.post('/providers/home/hosts/kvm-9/drain')).status).toBe(404)
})

test('clouds keep their hosts to themselves, and say so', async () => {
  for (const answer of [
    await admin.get('/providers/aws-prod/hosts'),
    await admin.post('/providers/aws-prod/hosts/any/drain'),
  ]) {
    expect(answer.status).toBe(422)
    expect(answer.body).toMatchObject({ code: 'capability_lacking' })
  }
})

test('who may not manage providers drains nothing', async () => {
  const operator = await api.as('acme', 'operator')
  expect((await operator.post('/providers/home/hosts/kvm-2/drain')).status).toBe(403)
})
