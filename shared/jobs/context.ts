import type { Cloud } from '#shared/clouds/port.ts'
import { derivedUuid } from '#shared/ids.ts'
import type { Chain, StepContext, Write } from '#shared/jobs/chain.ts'
import type { ClaimedStep } from '#shared/jobs/claim.ts'
import { jobProgress } from '#shared/jobs/decide.ts'
import { interruptions } from '#shared/jobs/errors.ts'
import type { Lease } from '#shared/jobs/lease.ts'
import { writeCheckpoint, writeProgress } from '#shared/jobs/report.ts'
import type { RunnerOptions } from '#shared/jobs/runner.ts'

export interface ContextParts {
  options: RunnerOptions
  chain: Chain
  step: ClaimedStep
  lease: Lease
  /** Filled by the step's `alsoWrite`. */
  writes: Write[]
}

/** Builds what a step is handed. `settle` waits for its last progress report and closes what it opened. */
export function contextOf({ options, chain, step, lease, writes }: ContextParts): {
  forStep: StepContext
  settle(): Promise<void>
} {
  const holding = { jobId: step.jobId, direction: step.direction, position: step.position, fence: step.fence }
  const opened = new Map<string, Promise<Cloud>>()
  const reporter = createReporter({ options, chain, step, lease, writes })
  let { checkpoint } = step

  const forStep: StepContext = {
    jobId: step.jobId,
    tenantId: step.tenantId,
    subject: step.subject ?? '',
    input: step.input,
    problem: step.problem,
    holding,
    attempts: step.attempts,
    signal: lease.signal,
    assertHeld: () => lease.assertHeld(),
    get checkpoint() {
      return checkpoint
    },
    async saveCheckpoint(value) {
      lease.assertHeld()
      if (!(await writeCheckpoint(options.db, holding, value))) lease.interrupt(interruptions.leaseLost())
      lease.assertHeld()
      checkpoint = value
    },
    progress: reporter.report,
    token: (purpose) => derivedUuid(step.jobId, String(step.generation), step.name, purpose),
    tags: () => ({
      'novacron-tenant': step.tenantId,
      'novacron-job': step.jobId,
      'novacron-step': step.name,
    }),
    cloud(providerId) {
      const open = opened.get(providerId) ?? options.openProvider(step.tenantId, providerId)
      opened.set(providerId, open)
      return open
    },
    alsoWrite: (write) => void writes.push(write),
    db: options.db,
    log: options.log.child({ job: step.jobId, step: step.name, direction: step.direction }),
  }
  return { forStep, settle: () => reporter.settle() }
}

/** Writes progress at most once per interval, the newest figure always last. */
function createReporter({ options, chain, step, lease }: ContextParts) {
  let latest: { done: number; total: number; detail: string | undefined } | undefined
  let timer: NodeJS.Timeout | undefined
  let writing = Promise.resolve()

  const write = () => {
    timer = undefined
    const report = latest
    latest = undefined
    if (!report || lease.interruption()) return
    const progress =
      step.direction === 'do'
        ? jobProgress(chain.weights, step.position, report.total > 0 ? report.done / report.total : 0)
        : 0
    const eta =
      progress > 0.02
        ? new Date(Date.now() + ((Date.now() - step.jobStartedAt.getTime()) * (1 - progress)) / progress)
        : undefined
    writing = writing
      .then(() => writeProgress(options.db, step, { ...report, jobProgress: progress, eta }))
      .then(() => options.wake.notify('novacron_job', step.jobId))
      .catch((error: unknown) => options.log.debug({ err: error }, 'progress not written'))
  }

  return {
    report(done: number, total: number, detail?: string) {
      latest = { done, total, detail }
      timer ??= setTimeout(write, reportEveryMs)
    },
    async settle() {
      clearTimeout(timer)
      write()
      await writing
    },
  }
}

const reportEveryMs = 500
