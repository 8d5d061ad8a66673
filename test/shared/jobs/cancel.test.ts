import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { NovaError } from '#shared/errors.ts'
import { requestCancel } from '#shared/jobs/control.ts'
import { stepsOf } from '#shared/jobs/chain.ts'
import { createHarness, testChain, type Harness } from '#test/shared/jobs/harness.ts'

interface Input {
  failing?: boolean
}
const step = stepsOf<Input, object>()
const undone: string[] = []
/** The reasons that steps saw their signal abort for. */
const aborted: unknown[] = []

const chain = testChain('test.cancel', [
  step('make', {
    effect: 'changes',
    // The first failure waits far longer than any test.
    retry: { attempts: 3, delayMs: 3_600_000, maxDelayMs: 3_600_000 },
    async run({ input }) {
      if (input.failing) throw new NovaError('Not now.', { code: 'not_now', kind: 'retryable' })
    },
    undo: { run: async ({ jobId }) => void undone.push(jobId) },
  }),
  step('wait', {
    effect: 'none',
    run: async ({ signal }) => {
      await sleep(60_000, undefined, { signal }).catch(() => aborted.push(signal.reason))
      signal.throwIfAborted()
    },
  }),
])

let harness: Harness
beforeAll(async () => {
  harness = await createHarness([chain])
  await harness.start()
})
afterAll(() => harness.close())

const untilEvent = (jobId: string, type: string, name: string) =>
  expect
    .poll(async () => (await harness.events(jobId)).some((e) => e.type === type && e.data['step'] === name), {
      timeout: 10_000,
    })
    .toBe(true)

async function cancel(jobId: string) {
  expect(await requestCancel(harness.db, 'acme', jobId, 'changed my mind')).toBe('requested')
  harness.wake.notify('novacron_cancel', jobId)
  harness.wake.notify('novacron_outbox', '')
}

test('a job that waits out a long back-off is cancelled at once, and undone', async () => {
  const jobId = await harness.submit('test.cancel', { input: { failing: true } })
  await untilEvent(jobId, 'step.retrying', 'make')
  await cancel(jobId)
  expect(await harness.finished(jobId)).toMatchObject({
    state: 'cancelled',
    problem: { code: 'cancelled', detail: 'The job was cancelled: changed my mind' },
  })
  expect(undone).toContain(jobId)
})

test("the running step's signal aborts with the reason", async () => {
  const jobId = await harness.submit('test.cancel')
  await untilEvent(jobId, 'step.started', 'wait')
  await cancel(jobId)
  expect(await harness.finished(jobId)).toMatchObject({
    state: 'cancelled',
    problem: { detail: 'The job was cancelled: changed my mind' },
  })
  expect(aborted.at(-1)).toMatchObject({ code: 'cancelled' })
})

test('a cancel is heard also where its wake-up was lost: the next renewal of the lease brings it', async () => {
  const jobId = await harness.submit('test.cancel')
  await untilEvent(jobId, 'step.started', 'wait')
  expect(await requestCancel(harness.db, 'acme', jobId)).toBe('requested')
  expect(await harness.finished(jobId)).toMatchObject({ state: 'cancelled' })
})

test('a cancel asked for twice is one cancel', async () => {
  const jobId = await harness.submit('test.cancel')
  await untilEvent(jobId, 'step.started', 'wait')
  await cancel(jobId)
  await requestCancel(harness.db, 'acme', jobId, 'another reason')
  const job = await harness.finished(jobId)
  expect(job).toMatchObject({
    state: 'cancelled',
    problem: { detail: expect.not.stringContaining('another') },
  })
  expect(undone.filter((id) => id === jobId)).toHaveLength(1)
})
