import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { pino } from 'pino'
import { startWorkers, type Workers } from '#workers/process.ts'
import { defineChain, stepsOf, type StepContext } from '#shared/jobs/chain.ts'
import { StepError } from '#shared/jobs/errors.ts'
import { bookVm, openHarness, textAt, registerClouds, type Client, type Harness } from './harness.ts'

let api: Harness
let client: Client
let workers: Workers | undefined
let count = 0

beforeAll(async () => {
  api = await openHarness()
  client = await api.as('acme', 'admin')
  await registerClouds(client)
})
afterEach(async () => {
  await workers?.stop(1000)
  workers = undefined
})
afterAll(() => api.close())

/** Real workers, relay and queue; only what the one step of `vm.stop` does is the test's. */
async function serve(run: (context: StepContext) => Promise<void>): Promise<void> {
  const step = stepsOf<Record<string, unknown>, object>()('stop', {
    effect: 'changes',
    retry: { attempts: 1 },
    run,
    undo: { run: () => Promise.resolve() },
  })
  workers = await startWorkers({
    addresses: api.addresses,
    pools: ['provisioning'],
    chains: [defineChain('vm.stop', [step])],
    concurrency: 5,
    leaseMs: 5000,
    workerId: 'test',
    openProvider: () => Promise.reject(new Error('no cloud here')),
    log: pino({ level: 'silent' }),
  })
}

async function submit(): Promise<string> {
  const id = `vm_j${++count}`
  await bookVm(api.pool, { id, tenant: 'acme' })
  return textAt(await client.post(`/vms/${id}/stop`), 'job.id')
}

interface SseEvent {
  id: number
  event: string
  data: { type: string; seq: number }
}

/** Reads a stream to its end, or until `enough`. */
async function stream(
  path: string,
  headers: Record<string, string> = {},
  enough = Infinity,
): Promise<SseEvent[]> {
  const response = await api.app.request(`/api/multicloud${path}`, {
    headers: { authorization: `Bearer ${client.token}`, accept: 'text/event-stream', ...headers },
  })
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  const events: SseEvent[] = []
  let text = ''
  while (events.length < enough) {
    const part = await reader?.read()
    if (!part || part.done) break
    text += part.value
    const frames = text.split('\n\n')
    text = frames.pop() ?? ''
    events.push(...frames.flatMap(parseFrame))
  }
  await reader?.cancel()
  return events
}

function parseFrame(frame: string): SseEvent[] {
  const fields = Object.fromEntries(frame.split('\n').map((line) => line.split(/: (.*)/s, 2))) as Record<
    string,
    string
  >
  if (!fields['data']) return []
  return [
    {
      id: Number(fields['id']),
      event: fields['event'] ?? '',
      data: JSON.parse(fields['data']) as SseEvent['data'],
    },
  ]
}

test('a job tells each of its steps, and why it waits when no worker serves its pool', async () => {
  const id = await submit()
  const job = await client.get(`/jobs/${id}`)
  expect(job.status).toBe(200)
  expect(job.body).toMatchObject({
    id,
    kind: 'vm.stop',
    state: 'queued',
    progress: 0,
    requested_by: 'admin@acme',
    subject_name: `vm_j${count}`,
    steps: [{ name: 'stop', direction: 'do', state: 'queued', attempts: 0 }],
    links: { cancel: `/api/multicloud/jobs/${id}/cancel` },
  })
  expect(job.body['waiting']?.['reason']).toMatch(/^(dispatching|no_worker)$/)
})

test('the list names what each job is about, of this tenant alone', async () => {
  await bookVm(api.pool, { id: 'vm_named', tenant: 'acme', name: 'front-door' })
  await client.post('/vms/vm_named/stop')
  expect((await client.get('/jobs?subject=vm_named')).body['jobs']).toMatchObject([
    { subject: 'vm_named', subject_name: 'front-door' },
  ])
  await api.pool.query(`update multicloud_vms set tenant_id = 'other' where id = 'vm_named'`)
  expect((await client.get('/jobs?subject=vm_named')).body['jobs']).toMatchObject([{ subject_name: null }])
})

test('the stream replays what has happened, follows what happens, and ends with the job', async () => {
  const go = Promise.withResolvers<void>()
  await serve(async (context) => {
    context.progress(1, 2, 'half')
    await go.promise
  })
  const id = await submit()
  const whole = stream(`/jobs/${id}/events`)
  await stream(`/jobs/${id}/events`, {}, 2)
  go.resolve()
  const events = await whole
  const types = events.map(({ event }) => event)
  expect(types[0]).toBe('job.queued')
  expect(types.at(-1)).toBe('job.succeeded')
  expect(events.map(({ id: number }) => number)).toEqual(events.map((_, index) => index + 1))
  expect(events.every(({ event, data, id: number }) => data.type === event && data.seq === number)).toBe(true)
})

test('a reader that comes back goes on after the last event that it has', async () => {
  await serve(() => Promise.resolve())
  const id = await submit()
  const all = await stream(`/jobs/${id}/events`)
  const rest = await stream(`/jobs/${id}/events`, { 'last-event-id': '2' })
  expect(rest.map(({ id: number }) => number)).toEqual(all.slice(2).map(({ id: number }) => number))
  const after = await stream(`/jobs/${id}/events?after=${all.length - 1}`)
  expect(after.map(({ event }) => event)).toEqual(['job.succeeded'])
  expect(await stream(`/jobs/${id}/events?after=${all.length}`)).toEqual([])
  expect((await client.get(`/jobs/${id}/events`, { 'last-event-id': 'x' })).status).toBe(422)
})

test('the events are also there as JSON, in pages', async () => {
  await serve(() => Promise.resolve())
  const id = await submit()
  await stream(`/jobs/${id}/events`)
  const json = { accept: 'application/json' }
  const first = await client.get(`/jobs/${id}/events?limit=1`, json)
  expect(first.body).toMatchObject({
    events: [{ seq: 1, type: 'job.queued' }],
    next_after: 1,
    finished: false,
  })
  const rest = await client.get(`/jobs/${id}/events?after=1`, json)
  expect(rest.body['finished']).toBe(true)
})

test('open streams end when the process stops', async () => {
  const other = await openHarness()
  const admin = await other.as('acme', 'admin')
  await registerClouds(admin)
  const jobs = await admin.get('/jobs')
  const id = (jobs.body['jobs'] as unknown as { id: string }[])[0]?.id
  const response = await other.app.request(`/api/multicloud/jobs/${id}/events`, {
    headers: { authorization: `Bearer ${admin.token}` },
  })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes('job.queued')) text += (await reader?.read())?.value ?? ''
  await other.close()
  expect(await reader?.read()).toMatchObject({ done: true })
})

test('an answer is held until the job has finished, for those who prefer to wait', async () => {
  await serve(() => Promise.resolve())
  await bookVm(api.pool, { id: 'vm_wait', tenant: 'acme' })
  const done = await client.post('/vms/vm_wait/stop', undefined, { prefer: 'respond-async, wait=20' })
  expect(done.status).toBe(200)
  expect(done.headers.get('preference-applied')).toBe('wait=20')
  expect(done.body['job']).toMatchObject({ state: 'succeeded' })
})

test('a wait that is too short is answered with what there is', async () => {
  await bookVm(api.pool, { id: 'vm_nowait', tenant: 'acme' })
  const late = await client.post('/vms/vm_nowait/stop', undefined, { prefer: 'wait=0' })
  expect(late.status).toBe(202)
  expect(late.body['job']).toMatchObject({ state: 'queued' })
  expect(late.headers.get('preference-applied')).toBe('wait=0')
})

test('a failed job says what happened and can be retried, a finished one cannot be cancelled', async () => {
  let fail = true
  await serve(() =>
    fail
      ? Promise.reject(new StepError('The VM is locked.', { code: 'locked', remedy: 'Unlock it.' }))
      : Promise.resolve(),
  )
  const id = await submit()
  await stream(`/jobs/${id}/events`)
  const failed = await client.get(`/jobs/${id}`)
  expect(failed.body).toMatchObject({
    state: 'failed',
    problem: { code: 'locked', detail: 'The VM is locked.', remedy: 'Unlock it.' },
    links: { retry: `/api/multicloud/jobs/${id}/retry` },
    waiting: null,
  })
  expect((await client.post(`/jobs/${id}/cancel`)).body).toMatchObject({ code: 'job_finished' })
  fail = false
  const retried = await client.post(`/jobs/${id}/retry`, undefined, { prefer: 'wait=20' })
  expect(retried.status).toBe(200)
  expect(retried.body['job']).toMatchObject({ state: 'succeeded', problem: null })
  expect((await client.post(`/jobs/${id}/retry`)).body).toMatchObject({ code: 'job_not_failed' })
})

test('a running job is cancelled, with the reason on record', async () => {
  await serve(
    (context) =>
      new Promise((_, reject) => {
        context.signal.addEventListener('abort', () => reject(context.signal.reason as Error))
      }),
  )
  const id = await submit()
  await stream(`/jobs/${id}/events`, {}, 2)
  const key = { 'idempotency-key': 'cancel-once', prefer: 'wait=20' }
  const cancelled = await client.post(`/jobs/${id}/cancel`, { reason: 'not needed' }, key)
  expect(cancelled.status).toBe(200)
  expect(cancelled.body['job']).toMatchObject({ state: 'cancelled', cancel_reason: 'not needed' })
  const again = await client.post(`/jobs/${id}/cancel`, { reason: 'not needed' }, key)
  expect(again.headers.get('idempotency-replayed')).toBe('true')
})

test('the list is filtered by state, kind and subject, and leaves housekeeping out', async () => {
  const lister = await api.as('lister', 'admin')
  await registerClouds(lister)
  await bookVm(api.pool, { id: 'vm_list', tenant: 'lister' })
  await lister.post('/vms/vm_list/stop')
  await api.pool.query(
    `insert into jobs (id, tenant_id, kind, chain_version, state, internal, input, vars, residue, warnings)
     values ('job_internal', 'lister', 'webhook.deliver', 1, 'failed', true, '{}', '{}', '[]', '[]')`,
  )
  const kinds = async (query: string) =>
    ((await lister.get(`/jobs?${query}`)).body['jobs'] as unknown as { kind: string }[]).map(
      ({ kind }) => kind,
    )
  expect(await kinds('')).toEqual(['vm.stop', 'provider.check', 'provider.check'])
  expect(await kinds('subject=vm_list')).toEqual(['vm.stop'])
  expect(await kinds('kind=provider.check&limit=1')).toEqual(['provider.check'])
  expect(await kinds('state=failed')).toEqual([])
  expect(await kinds('state=failed&internal=true')).toEqual(['webhook.deliver'])
  expect(await kinds('state=unfinished&kind=vm.stop')).toEqual(['vm.stop'])
})
