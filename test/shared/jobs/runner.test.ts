import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NovaError } from '#shared/errors.ts'
import { requestCancel, retryJob } from '#shared/jobs/control.ts'
import { stepsOf } from '#shared/jobs/chain.ts'
import { testRedisUrl } from '#test/setup/queue.ts'
import { createHarness, testChain, type Harness } from '#test/shared/jobs/harness.ts'

interface Vars {
  a: number
  b: number
}
const step = stepsOf<{ fail?: string; kind?: 'permanent' | 'retryable' | 'throttled' }, Vars>()

const log: string[] = []
const misbehave = (
  name: string,
  { fail, kind }: { fail?: string; kind?: 'permanent' | 'retryable' | 'throttled' },
  attempts: number,
) => {
  if (fail !== name) return
  if (kind === 'retryable' && attempts > 0) return
  if (kind === 'throttled' && log.filter((entry) => entry === `throttled ${name}`).length > 0) return
  log.push(`${kind ?? 'permanent'} ${name}`)
  throw new NovaError(`${name} does not want to`, {
    code: 'unwilling',
    kind: kind ?? 'permanent',
    retryAfterMs: 20,
  })
}

const chain = testChain('test.three', [
  step('one', {
    gives: ['a'],
    effect: 'changes',
    retry: { delayMs: 10 },
    run: async ({ input, attempts, jobId }) => {
      misbehave('one', input, attempts)
      log.push(`one ${jobId}`)
      return { a: 1 }
    },
    undo: { run: async ({ jobId }) => void log.push(`undo one ${jobId}`) },
  }),
  step('two', {
    needs: ['a'],
    gives: ['b'],
    effect: 'changes',
    retry: { delayMs: 10 },
    run: async ({ input, attempts, jobId, progress }, { a }) => {
      progress(1, 2)
      misbehave('two', input, attempts)
      log.push(`two ${jobId}`)
      return { b: a + 1 }
    },
    undo: { needs: ['a'], run: async ({ jobId }, { a }) => void log.push(`undo two ${jobId} ${a}`) },
  }),
  step('three', {
    needs: ['b'],
    effect: 'none',
    retry: { delayMs: 10 },
    run: async ({ input, attempts, signal }) => {
      misbehave('three', input, attempts)
      if (input.fail === 'hang') await sleep(60_000, undefined, { signal })
    },
  }),
])

describe.each(['postgres', 'redis'] as const)('on queues in %s', (backend) => {
  const skipped = backend === 'redis' && !testRedisUrl()
  let harness: Harness
  beforeAll(async () => {
    if (skipped) return
    harness = await createHarness([chain], backend)
    await harness.start()
    await harness.start()
  })
  afterAll(async () => {
    if (!skipped) await harness.close()
  })

  test.skipIf(skipped)('a chain runs its steps in order, each once, and gathers what they give', async () => {
    const id = await harness.submit('test.three')
    const job = await harness.finished(id)
    expect(job).toMatchObject({ state: 'succeeded', vars: { a: 1, b: 2 }, progress: 1, problem: null })
    expect(log.filter((entry) => entry.endsWith(id))).toEqual([`one ${id}`, `two ${id}`])
    const events = await harness.events(id)
    expect(events.map((event) => event.seq)).toEqual(events.map((_, nr) => nr + 1))
    expect(events.map((event) => event.type).filter((type) => type !== 'progress')).toEqual([
      'job.queued',
      ...['one', 'two', 'three'].flatMap(() => ['step.started', 'step.succeeded']),
      'job.succeeded',
    ])
  })

  test.skipIf(skipped)('a permanent failure undoes what was done, last first, and says why', async () => {
    const id = await harness.submit('test.three', { input: { fail: 'three' } })
    const job = await harness.finished(id)
    expect(job).toMatchObject({ state: 'failed', problem: { code: 'unwilling', step: 'three' }, residue: [] })
    expect(log.filter((entry) => entry.includes(id))).toEqual([
      `one ${id}`,
      `two ${id}`,
      `undo two ${id} 1`,
      `undo one ${id}`,
    ])
  })

  test.skipIf(skipped).each(['one', 'two', 'three'])(
    'a retryable failure of step %s is tried again and forgotten',
    async (fail) => {
      const id = await harness.submit('test.three', { input: { fail, kind: 'retryable' } })
      expect(await harness.finished(id)).toMatchObject({ state: 'succeeded', problem: null })
    },
  )

  test.skipIf(skipped)('throttling uses up no attempt', async () => {
    const id = await harness.submit('test.three', { input: { fail: 'two', kind: 'throttled' } })
    await harness.finished(id)
    const { rows } = await harness.db.query(
      'select attempts from job_steps where job_id = $1 and position = 1',
      [id],
    )
    expect(rows).toEqual([{ attempts: 0 }])
  })

  test.skipIf(skipped)(
    'a cancel reaches a running step in whichever process it runs, and undoes the job',
    async () => {
      const id = await harness.submit('test.three', { input: { fail: 'hang' } })
      await expect
        .poll(async () =>
          (await harness.events(id)).some((e) => e.type === 'step.started' && e.data['step'] === 'three'),
        )
        .toBe(true)
      expect(await requestCancel(harness.db, 'other', id)).toBe('not_found')
      expect(await requestCancel(harness.db, 'acme', id, 'not today')).toBe('requested')
      harness.wake.notify('novacron_cancel', id)
      const job = await harness.finished(id)
      expect(job).toMatchObject({ state: 'cancelled', problem: { code: 'cancelled' } })
      expect(log.filter((entry) => entry.startsWith('undo') && entry.includes(id))).toHaveLength(2)
      expect(await requestCancel(harness.db, 'acme', id)).toBe('already_finished')
    },
  )

  test.skipIf(skipped)('a job past its deadline is undone and says so', async () => {
    const id = await harness.submit('test.three', {
      input: { fail: 'hang' },
      deadline: new Date(Date.now() + 300),
    })
    expect(await harness.finished(id)).toMatchObject({
      state: 'failed',
      problem: { code: 'deadline_exceeded' },
    })
  })

  test.skipIf(skipped)(
    'a failed job that is retried runs again from its first step with new tokens',
    async () => {
      const id = await harness.submit('test.three', { input: { fail: 'three' } })
      await harness.finished(id)
      await harness.db.query(`update jobs set input = '{}' where id = $1`, [id])
      expect(await retryJob(harness.db, 'acme', id)).toBe('requeued')
      expect(await retryJob(harness.db, 'acme', id)).toBe('not_failed')
      harness.wake.notify('novacron_outbox', '')
      expect(await harness.finished(id)).toMatchObject({ state: 'succeeded', problem: null })
    },
  )
})
