import { describe, expect, test } from 'vitest'
import type { Chain, Step } from '#shared/jobs/chain.ts'
import type { ClaimedStep } from '#shared/jobs/claim.ts'
import { afterFailure, afterSuccess, jobProgress } from '#shared/jobs/decide.ts'
import { interruptions, classify, toProblem } from '#shared/jobs/errors.ts'
import { NovaError, type ErrorKind } from '#shared/errors.ts'

const nothing = async () => {}
const undo = { needs: [], run: nothing }
const steps: Step[] = [
  { name: 'make', effect: 'changes', run: nothing, undo },
  { name: 'look', effect: 'none', run: nothing },
  { name: 'attach', effect: 'changes', run: nothing, undo, retry: { attempts: 4, delayMs: 100 } },
  { name: 'commit', effect: 'none', run: nothing },
  { name: 'tidy', effect: 'changes', run: nothing, retry: { attempts: 1 } },
]
const chain: Chain = {
  kind: 'test',
  version: 1,
  pool: 'provisioning',
  steps,
  weights: [1, 1, 6, 1, 1],
  commitPosition: 3,
  output: (vars) => ({ disk: vars['disk'] }),
}

const claimed = (position: number, parts: Partial<ClaimedStep> = {}): ClaimedStep => ({
  jobId: 'job_1',
  direction: 'do',
  position,
  name: steps[position]?.name ?? '',
  fence: 7,
  attempts: 0,
  checkpoint: undefined,
  tenantId: 'acme',
  kind: 'test',
  chainVersion: 1,
  generation: 1,
  subject: undefined,
  input: {},
  vars: { disk: 'vol-1' },
  problem: undefined,
  progress: 0,
  internal: false,
  jobStartedAt: new Date(),
  deadline: undefined,
  cancelReason: undefined,
  cancelRequested: false,
  ...parts,
})

const problem = { code: 'broken', detail: 'It broke.' }
const failing = (step: ClaimedStep, kind: ErrorKind, retryAfterMs?: number) =>
  afterFailure(chain, step, { kind, code: 'broken', retryAfterMs }, problem)

describe('forwards', () => {
  test("success dispatches the next step and raises the progress by the step's weight", () => {
    expect(afterSuccess(chain, claimed(0), { a: 1 })).toMatchObject({
      stepState: 'succeeded',
      fence: 7,
      outputs: { a: 1 },
      progress: 0.1,
      next: { direction: 'do', position: 1, name: 'look', queue: 'provisioning' },
    })
  })

  test('the last success ends the job with its output', () => {
    const transition = afterSuccess(chain, claimed(4), {})
    expect(transition).toMatchObject({ jobState: 'succeeded', jobOutput: { disk: 'vol-1' }, progress: 1 })
    expect(transition.next).toBeUndefined()
  })

  test('a retryable failure is tried again, as often as the step allows, and then undone', () => {
    expect(failing(claimed(2, { attempts: 2 }), 'retryable')).toMatchObject({
      stepState: 'queued',
      failedAttempt: true,
      events: [{ type: 'step.retrying', data: { attempt: 3 } }],
    })
    expect(failing(claimed(2, { attempts: 3 }), 'retryable')).toMatchObject({
      stepState: 'failed',
      jobState: 'undoing',
      jobProblem: problem,
      next: { direction: 'undo', position: 2, name: 'attach' },
    })
  })

  test('throttling waits as long as the cloud says and counts as no failed try', () => {
    const transition = failing(claimed(2, { attempts: 3 }), 'throttled', 30_000)
    expect(transition).toMatchObject({ stepState: 'queued', delayMs: 30_000 })
    expect(transition?.failedAttempt).toBeUndefined()
  })

  test('want of room is tried three times, not longer', () => {
    expect(failing(claimed(2, { attempts: 1 }), 'capacity')).toMatchObject({ stepState: 'queued' })
    expect(failing(claimed(2, { attempts: 2 }), 'capacity')).toMatchObject({ stepState: 'failed' })
  })

  test('a permanent failure begins the undo with the failed step itself, which may have changed something', () => {
    expect(failing(claimed(2), 'permanent')?.next).toMatchObject({ direction: 'undo', position: 2 })
    expect(failing(claimed(1), 'permanent')?.next).toMatchObject({ direction: 'undo', position: 0 })
  })

  test('a cancel ends the step as cancelled and undoes it', () => {
    expect(failing(claimed(2), 'cancelled')).toMatchObject({
      stepState: 'cancelled',
      next: { direction: 'undo', position: 2 },
    })
  })

  test('what fails after the outcome stands becomes residue, and the job goes on to succeed', () => {
    expect(failing(claimed(4), 'permanent')).toMatchObject({
      stepState: 'failed',
      jobState: 'succeeded',
      residue: { step: 'tidy', problem },
    })
    expect(failing(claimed(4), 'permanent')?.jobProblem).toBeUndefined()
  })

  test('a worker that lost its lease decides nothing', () => {
    const { kind, code } = interruptions.leaseLost()
    expect(afterFailure(chain, claimed(2), { kind, code, retryAfterMs: undefined }, problem)).toBeUndefined()
  })

  test('a worker that shuts down hands the step back without counting a failed try', () => {
    const { kind, code } = interruptions.shutdown()
    const transition = afterFailure(chain, claimed(2), { kind, code, retryAfterMs: undefined }, problem)
    expect(transition).toMatchObject({
      stepState: 'queued',
      delayMs: 0,
      events: [{ type: 'step.handed_back' }],
    })
    expect(transition?.failedAttempt).toBeUndefined()
  })
})

describe('backwards', () => {
  const undoing = (position: number, parts: Partial<ClaimedStep> = {}) =>
    claimed(position, { direction: 'undo', problem, ...parts })

  test('an undo that succeeds is followed by the next one below', () => {
    expect(afterSuccess(chain, undoing(2), {}).next).toMatchObject({ direction: 'undo', position: 0 })
  })

  test('the last undo ends the job: as cancelled if that is what happened to it, else as failed', () => {
    expect(afterSuccess(chain, undoing(0), {})).toMatchObject({ jobState: 'failed' })
    const cancelled = { code: 'cancelled', detail: 'The job was cancelled.' }
    expect(afterSuccess(chain, undoing(0, { problem: cancelled }), {})).toMatchObject({
      jobState: 'cancelled',
    })
  })

  test('an undo is tried more often than any step, and what it cannot take back is listed before the next undo', () => {
    expect(failing(undoing(2, { attempts: 18 }), 'retryable')).toMatchObject({ stepState: 'queued' })
    expect(failing(undoing(2, { attempts: 19 }), 'retryable')).toMatchObject({
      stepState: 'failed',
      residue: { step: 'attach', problem },
      next: { direction: 'undo', position: 0 },
    })
    expect(failing(undoing(0), 'permanent')).toMatchObject({ jobState: 'failed', residue: { step: 'make' } })
  })
})

test('progress is the share of the weights that is done, and never leaves 0 to 1', () => {
  expect(jobProgress(chain.weights, 2, 0.5)).toBeCloseTo(0.5)
  expect(jobProgress(chain.weights, 4, 7)).toBe(1)
  expect(jobProgress(chain.weights, 0, -1)).toBe(0)
  expect(jobProgress([], 0, 1)).toBe(0)
})

describe('errors', () => {
  test('what interrupted a step goes before what the step made of it', () => {
    expect(classify(new TypeError('fetch failed'), interruptions.cancelled())).toMatchObject({
      kind: 'cancelled',
      code: 'cancelled',
    })
  })

  test('an error that is none of ours is tried again, and its words are not shown', () => {
    const stranger = new Error('password hunter2 is wrong')
    expect(classify(stranger, undefined)).toMatchObject({ kind: 'retryable', code: 'internal_error' })
    expect(JSON.stringify(toProblem(stranger, 'make'))).not.toContain('hunter2')
  })

  test('an error of ours tells what happened, where, and what to do', () => {
    const error = new NovaError('No room.', {
      code: 'capacity',
      kind: 'capacity',
      remedy: 'Try another zone.',
    })
    expect(toProblem(error, 'make')).toEqual({
      code: 'capacity',
      detail: 'No room.',
      step: 'make',
      remedy: 'Try another zone.',
    })
  })
})
