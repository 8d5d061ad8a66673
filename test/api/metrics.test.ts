import { afterAll, beforeAll, expect, test } from 'vitest'
import { queueFamilies } from '#api/metrics/jobs.ts'
import { createCallRecorder } from '#shared/clouds/calls/recorder.ts'
import { foldCalls, writeCalls } from '#shared/clouds/calls/store.ts'
import { openHarness, registerClouds, vmRequest, type Harness } from '#test/api/harness.ts'

let api: Harness
beforeAll(async () => {
  api = await openHarness()
  const admin = await api.as('acme', 'admin')
  await registerClouds(admin)
  await admin.post('/vms', vmRequest)
  const calls = createCallRecorder()
  calls.add({ operation: 'Describe "quoted" \\ things', tookMs: 30 })
  calls.add({ operation: 'RunInstances', tookMs: 2_000, code: 'quota_exceeded' })
  calls.add({ operation: 'RunInstances', tookMs: 3_000 })
  const minutes = calls.takeChanged()
  await writeCalls(api.pool, 'w1', [{ tenantId: 'acme', providerId: 'aws-prod', minutes }])
  await writeCalls(api.pool, 'w2', [{ tenantId: 'acme', providerId: 'aws-prod', minutes }])
})
afterAll(() => api.close())

async function scrape(): Promise<Map<string, number>> {
  const { token } = await api.as('platform', 'monitor')
  const answer = await api.request('/metrics', { headers: { authorization: `Bearer ${token}` } })
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  return samplesOf(answer.text)
}

test('only who may see all tenants may scrape', async () => {
  expect((await api.request('/metrics')).status).toBe(401)
  const { token } = await api.as('acme', 'admin')
  const refused = await api.request('/metrics', { headers: { authorization: `Bearer ${token}` } })
  expect(refused).toMatchObject({ status: 403, body: { code: 'forbidden', permission: 'metrics:read' } })
  const monitor = await api.as('acme', 'monitor')
  expect((await monitor.get('/vms')).status).toBe(403)
})

test('jobs are told by kind and state, what waits by pool, and the queues by what is in them', async () => {
  const samples = await scrape()
  expect(samples.get('novacron_jobs{kind="vm.create",state="queued"}')).toBe(1)
  expect(samples.get('novacron_jobs_last_hour{kind="provider.check",state="queued"}')).toBe(2)
  expect(samples.get('novacron_steps{pool="provisioning",state="queued"}')).toBe(1)
  expect(samples.get('novacron_step_wait_seconds{pool="provisioning"}')).toBeGreaterThan(0)
  expect(samples.get('novacron_outbox_messages')).toBe(3)
  expect(samples.get('novacron_queue_up{queue="migration"}')).toBe(1)
  expect(samples.get('novacron_queue_workers{queue="migration"}')).toBe(0)
  expect(samples.get('novacron_queue_entries{queue="migration",state="waiting"}')).toBe(0)
  await api.pool.query(`update jobs set state = 'failed', created_at = now() where kind = 'vm.create'`)
  await api.pool.query(`update job_steps set state = 'failed' where queue = 'provisioning'`)
  const later = await scrape()
  expect(later.has('novacron_jobs{kind="vm.create",state="failed"}')).toBe(false)
  expect(later.get('novacron_jobs_last_hour{kind="vm.create",state="failed"}')).toBe(1)
})

test('calls to clouds are counted over all workers, and the counters do not fall when old rows are folded', async () => {
  const provider = 'tenant="acme",provider="aws-prod",type="aws"'
  const expected = {
    [`novacron_cloud_calls_total{${provider},operation="RunInstances"}`]: 4,
    [`novacron_cloud_calls_total{${provider},operation="Describe \\"quoted\\" \\\\ things"}`]: 2,
    [`novacron_cloud_call_errors_total{${provider},operation="RunInstances",code="quota_exceeded"}`]: 2,
    [`novacron_cloud_call_duration_seconds_bucket{${provider},le="0.01"}`]: 0,
    [`novacron_cloud_call_duration_seconds_bucket{${provider},le="0.0464"}`]: 2,
    [`novacron_cloud_call_duration_seconds_bucket{${provider},le="2.15"}`]: 4,
    [`novacron_cloud_call_duration_seconds_bucket{${provider},le="+Inf"}`]: 6,
    [`novacron_cloud_call_duration_seconds_sum{${provider}}`]: 10.06,
    [`novacron_cloud_call_duration_seconds_count{${provider}}`]: 6,
  }
  expect(Object.fromEntries(await scrape())).toMatchObject(expected)
  await api.pool.query(`update cloud_calls set minute = minute - interval '1 hour'`)
  expect(await foldCalls(api.pool)).toBe(2)
  expect(Object.fromEntries(await scrape())).toMatchObject(expected)
})

test('queues that cannot be asked are told as such, and everything else is told as ever', async () => {
  const { queues } = api.deps
  const all = queues.all.map((queue) => Object.create(queue, dead) as typeof queue)
  const [up, ...others] = await queueFamilies({ ...queues, all })
  expect(new Set(up?.samples.map(({ value }) => value))).toEqual(new Set([0]))
  expect(others.flatMap(({ samples }) => samples)).toEqual([])
})

const dead = { getWorkersCount: { value: () => Promise.reject(new Error('no connection')) } }

/** Reads the text format strictly: a line that is not of its grammar, a family that is told twice, or a sample outside of its family fails. */
function samplesOf(text: string): Map<string, number> {
  expect(text.endsWith('\n')).toBe(true)
  const samples = new Map<string, number>()
  const families = new Map<string, string>()
  let family = ''
  for (const line of text.slice(0, -1).split('\n')) {
    const [, help] = /^# HELP ([a-z_]+) \S.*\.$/.exec(line) ?? []
    const [, typed, type] = /^# TYPE ([a-z_]+) (gauge|counter|histogram)$/.exec(line) ?? []
    if (help) {
      expect([...families.keys()]).not.toContain(help)
      family = help
      continue
    }
    if (typed && type) {
      expect(typed).toBe(family)
      expect(typed.endsWith('_total')).toBe(type === 'counter')
      families.set(typed, type)
      continue
    }
    const [, name, labels = '', value] =
      /^([a-z_]+)(\{(?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)*\})? (\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/.exec(line) ??
      []
    if (!name || !value) throw new Error(`not of the format: ${line}`)
    const suffixes = families.get(family) === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
    expect(suffixes.map((suffix) => family + suffix)).toContain(name)
    expect([...samples.keys()]).not.toContain(name + labels)
    samples.set(name + labels, Number(value))
  }
  return samples
}
