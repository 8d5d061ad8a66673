import type { Logger } from 'pino'
import type { Pool } from 'pg'
import { withCallScope } from '#shared/clouds/scope.ts'
import type { Cloud } from '#shared/clouds/port.ts'
import { createBatcher } from '#shared/jobs/batch.ts'
import { stepAt, type Chain, type Write } from '#shared/jobs/chain.ts'
import { claimSteps, heldUntil, type ClaimedStep } from '#shared/jobs/claim.ts'
import { commitTransition } from '#shared/jobs/commit.ts'
import { contextOf } from '#shared/jobs/context.ts'
import { afterFailure, afterSuccess } from '#shared/jobs/decide.ts'
import { classify, interruptions, toProblem } from '#shared/jobs/errors.ts'
import { holdLease, type Lease } from '#shared/jobs/lease.ts'
import type { Dispatch } from '#shared/jobs/queues.ts'
import { applyTransitions, type Transition } from '#shared/jobs/transition.ts'
import type { Wake } from '#shared/jobs/wake.ts'

export interface RunnerOptions {
  db: Pool
  chains: readonly Chain[]
  wake: Wake
  /** Names this process in leases, logs and user agents. */
  workerId: string
  leaseMs: number
  openProvider: (tenantId: string, providerId: string) => Promise<Cloud>
  /** Something was written to the outbox. */
  onDispatched: () => void
  log: Logger
}

/** `done`: the step ran and its end is on record. `stale`: the dispatch is of the past. A date: another worker holds the step until then. */
export type RunOutcome = 'done' | 'stale' | Date

export interface Runner {
  run(dispatch: Dispatch): Promise<RunOutcome>
  /** Interrupts every running step so that another worker goes on with it. */
  handBack(): void
  close(): void
}

/**
 * Runs steps: claims, renews the lease meanwhile, runs the function under its guard, and commits what follows in one transaction.
 * Only the holder writes: a runner that has lost its step writes nothing more about it.
 */
export function createRunner(options: RunnerOptions): Runner {
  const { db, wake, workerId, leaseMs, log } = options
  const chains = new Map(options.chains.map((chain) => [`${chain.kind}@${chain.version}`, chain]))
  const running = new Map<string, Lease>()
  const claim = createBatcher(
    (dispatches: Dispatch[]) => claimSteps(db, dispatches, { holder: workerId, leaseMs }),
    maxBatch,
    maxInFlight,
  )
  const transit = createBatcher(
    (transitions: Transition[]) => applyTransitions(db, transitions),
    maxBatch,
    maxInFlight,
  )
  const stopListening = wake.on('novacron_cancel', (jobId) => {
    const lease = running.get(jobId)
    if (lease) void reasonOfCancel(db, jobId).then((reason) => lease.cancel(reason))
  })

  const commit = async (chain: Chain, step: ClaimedStep, transition: Transition, writes: Write[]) => {
    const applied = await commitTransition(db, transit, chain, step, writes, transition)
    if (!applied)
      return log.warn({ job: step.jobId, step: step.name }, 'step was taken over; nothing written')
    if (transition.next || transition.stepState === 'queued' || transition.jobState) options.onDispatched()
    wake.notify('novacron_job', step.jobId)
  }

  const execute = async (chain: Chain, step: ClaimedStep, lease: Lease) => {
    const writes: Write[] = []
    const context = contextOf({ options, chain, step, lease, writes })
    try {
      if (step.cancelRequested) lease.cancel(step.cancelReason)
      lease.checkDeadline()
      lease.assertHeld()
      const { run } =
        step.direction === 'do'
          ? stepAt(chain, step.position, 'do')
          : (stepAt(chain, step.position, 'undo').undo ?? fail())
      const scope = { signal: lease.signal, beforeCall: () => lease.assertHeld() }
      const outputs = await withCallScope(scope, async () => run(context.forStep, step.vars))
      await context.settle()
      lease.assertHeld()
      await commit(chain, step, afterSuccess(chain, step, outputs ?? {}), writes)
    } catch (error) {
      await context.settle()
      const failure = classify(error, lease.interruption())
      const problem = toProblem(lease.interruption() ?? error, step.name)
      log.info(
        { job: step.jobId, step: step.name, direction: step.direction, code: failure.code, err: error },
        'step did not succeed',
      )
      const transition = afterFailure(chain, step, failure, problem)
      if (transition) await commit(chain, step, transition, [])
    }
  }

  return {
    async run(dispatch) {
      const claimedAtMs = performance.now()
      const step = await claim(dispatch)
      if (!step) return (await heldUntil(db, dispatch)) ?? 'stale'
      const chain = chains.get(`${step.kind}@${step.chainVersion}`)
      // On the way back, and once the outcome stands, a cancel or a deadline has nothing left to stop.
      const stoppable =
        step.direction === 'do' && chain !== undefined && step.position <= chain.commitPosition
      const lease = holdLease(db, step, { leaseMs, claimedAtMs, stoppable })
      running.set(step.jobId, lease)
      try {
        if (chain) await execute(chain, step, lease)
        else await handOn(step)
        return 'done'
      } finally {
        lease.end()
        if (running.get(step.jobId) === lease) running.delete(step.jobId)
      }
    },
    handBack() {
      for (const lease of running.values()) lease.interrupt(interruptions.shutdown())
    },
    close: stopListening,
  }

  /** A job of a chain version that this process does not have (a rolling deploy): another worker may. */
  async function handOn(step: ClaimedStep) {
    log.warn({ job: step.jobId, kind: step.kind, version: step.chainVersion }, 'no such chain in this worker')
    const { jobId, direction, position, fence } = step
    await transit({ jobId, direction, position, fence, stepState: 'queued', delayMs: 5_000, events: [] })
    options.onDispatched()
  }
}

/** Bounds the size of one statement; larger batches gain nothing measurable. */
const maxBatch = 100
/** Two keep PostgreSQL busy while the results of one are taken in; more gain nothing measurable. */
const maxInFlight = 2

const fail = (): never => {
  throw new Error('unreachable: stepAt has checked that there is an undo')
}

/** Undefined also where the database does not tell: a cancel counts without its reason. */
async function reasonOfCancel(db: Pool, jobId: string): Promise<string | undefined> {
  const { rows } = await db
    .query<{ reason: string | null }>('select cancel_reason as reason from jobs where id = $1', [jobId])
    .catch(() => ({ rows: [] }))
  return rows[0]?.reason ?? undefined
}
