import type { Chain, RetryPolicy } from '#shared/jobs/chain.ts'
import type { ClaimedStep } from '#shared/jobs/claim.ts'
import type { Classification } from '#shared/jobs/errors.ts'
import { undoBelow } from '#shared/jobs/proof.ts'
import { backoffMs, defaultRetry } from '#shared/jobs/retry.ts'
import type { NewEvent, Transition } from '#shared/jobs/transition.ts'
import type { JobState, Problem } from '#shared/jobs/types.ts'

/** What follows when a step has done its work. Pure. */
export function afterSuccess(chain: Chain, step: ClaimedStep, outputs: Record<string, unknown>): Transition {
  const base = { ...holdingOf(step), stepState: 'succeeded' as const, outputs }
  if (step.direction === 'undo')
    return {
      ...base,
      ...undoOnwards(chain, step, step.problem, [{ type: 'step.undone', data: { step: step.name } }]),
    }
  return {
    ...base,
    ...onwards(chain, step, outputs, [{ type: 'step.succeeded', data: { step: step.name } }]),
  }
}

/**
 * What follows when a step has failed: the same step again, the undo, the next undo in spite of it, or (after the commit step) the next
 * step in spite of it. Undefined: the worker no longer holds the step, so nothing is for it to decide. Pure but for the jitter.
 */
export function afterFailure(
  chain: Chain,
  step: ClaimedStep,
  failure: Classification,
  problem: Problem,
): Transition | undefined {
  if (failure.code === 'lease_lost') return undefined
  if (failure.code === 'shutting_down')
    return { ...again(step, 0), events: [{ type: 'step.handed_back', data: { step: step.name } }] }

  const policy = policyOf(chain, step)
  if (failure.kind === 'throttled') {
    const delayMs = Math.max(failure.retryAfterMs ?? 0, backoffMs(policy, 1))
    return { ...again(step, delayMs), stepProblem: problem, events: [retrying(step, delayMs, problem)] }
  }
  const failures = step.attempts + 1
  const limit = failure.kind === 'capacity' ? Math.min(capacityAttempts, policy.attempts) : policy.attempts
  if ((failure.kind === 'retryable' || failure.kind === 'capacity') && failures < limit) {
    const delayMs = Math.max(failure.retryAfterMs ?? 0, backoffMs(policy, failures))
    return {
      ...again(step, delayMs),
      failedAttempt: true,
      stepProblem: problem,
      events: [retrying(step, delayMs, problem)],
    }
  }

  const failed = {
    ...holdingOf(step),
    stepState: 'failed' as const,
    failedAttempt: true,
    stepProblem: problem,
  }
  const events = [{ type: 'step.failed', data: { step: step.name, direction: step.direction, problem } }]
  const residue = { step: step.name, problem, at: new Date().toISOString() }
  if (step.direction === 'undo')
    return { ...failed, residue, ...undoOnwards(chain, step, step.problem, events) }
  if (step.position > chain.commitPosition) return { ...failed, residue, ...onwards(chain, step, {}, events) }
  return {
    ...failed,
    stepState: failure.kind === 'cancelled' ? 'cancelled' : 'failed',
    jobProblem: problem,
    ...undoOnwards(chain, { ...step, position: step.position + 1 }, problem, events),
  }
}

/** The share of a job that is done when `fraction` (0 to 1) of the step at `position` is. */
export function jobProgress(weights: readonly number[], position: number, fraction: number): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const before = weights.slice(0, position).reduce((sum, weight) => sum + weight, 0)
  return total === 0
    ? 0
    : Math.min(1, (before + (weights[position] ?? 0) * Math.min(1, Math.max(0, fraction))) / total)
}

/** A cloud that has no room now seldom has it seconds later; a few tries, then the user should know. */
const capacityAttempts = 3

/** An undo has more patience than the way forward: what it gives up on is left lying in somebody's cloud. */
const undoRetry: RetryPolicy = { attempts: 20, delayMs: 1_000, maxDelayMs: 300_000 }

function policyOf(chain: Chain, step: ClaimedStep): RetryPolicy {
  const own = chain.steps[step.position]?.retry
  if (step.direction === 'do') return { ...defaultRetry, ...own }
  return { ...undoRetry, ...own, attempts: undoRetry.attempts }
}

const holdingOf = ({ jobId, direction, position, fence }: ClaimedStep) => ({
  jobId,
  direction,
  position,
  fence,
})

const again = (step: ClaimedStep, delayMs: number) => ({
  ...holdingOf(step),
  stepState: 'queued' as const,
  delayMs,
})

const retrying = (step: ClaimedStep, delayMs: number, problem: Problem): NewEvent => ({
  type: 'step.retrying',
  data: {
    step: step.name,
    direction: step.direction,
    attempt: step.attempts + 1,
    delay_ms: delayMs,
    problem,
  },
})

type Following = Pick<Transition, 'events'> &
  Partial<Pick<Transition, 'next' | 'jobState' | 'jobOutput' | 'progress'>>

/** Forwards: the next step, or the end. */
function onwards(
  chain: Chain,
  step: ClaimedStep,
  outputs: Record<string, unknown>,
  events: NewEvent[],
): Following {
  const position = step.position + 1
  const progress = jobProgress(chain.weights, step.position, 1)
  const next = chain.steps[position]
  if (next)
    return { progress, next: { direction: 'do', position, name: next.name, queue: chain.pool }, events }
  const jobOutput = chain.output?.({ ...step.vars, ...outputs }, step.subject ?? '') ?? {}
  return {
    progress,
    jobState: 'succeeded',
    jobOutput,
    events: [...events, { type: 'job.succeeded', data: { output: jobOutput } }],
  }
}

/** Backwards: the next undo below, or the end. */
function undoOnwards(
  chain: Chain,
  step: ClaimedStep,
  problem: Problem | undefined,
  events: NewEvent[],
): Following {
  const position = undoBelow(chain, step.position)
  if (position !== undefined) {
    const name = chain.steps[position]?.name ?? ''
    const undoing: NewEvent[] = step.direction === 'do' ? [{ type: 'job.undoing', data: { problem } }] : []
    return {
      jobState: 'undoing',
      next: { direction: 'undo', position, name, queue: chain.pool },
      events: [...events, ...undoing],
    }
  }
  const jobState: JobState = problem?.code === 'cancelled' ? 'cancelled' : 'failed'
  return { jobState, events: [...events, { type: `job.${jobState}`, data: { problem } }] }
}
