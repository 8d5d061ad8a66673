import type { OwnerTags, Cloud } from '#shared/clouds/port.ts'
import { outlineOf } from '#shared/jobs/outlines.ts'
import type { Direction, JobState, Problem } from '#shared/jobs/types.ts'
import type { Holding } from '#shared/jobs/transition.ts'
import { proveChain } from '#shared/jobs/proof.ts'
import type { Logger } from 'pino'
import type { Pool } from 'pg'

/** What a running step is handed. */
export interface StepContext<Input = Record<string, unknown>> {
  readonly jobId: string
  readonly tenantId: string
  /** The `vm_…`, `mig_…` or `whd_…` that the job is about. */
  readonly subject: string
  readonly input: Input
  /** Why the job is being undone; undefined on the way forward. */
  readonly problem: Problem | undefined
  /** Which pick-up this is: the guard of every write. */
  readonly holding: Holding
  /** Failed tries before this one. */
  readonly attempts: number
  /** Aborts on cancellation, deadline, lost lease and shutdown; the reason is a StepError. */
  readonly signal: AbortSignal
  /** Throws if the lease is lost. Cloud adapters check it before every request; call it before any other outside effect. */
  assertHeld(): void
  /** What the last `saveCheckpoint` kept, also from an earlier try. */
  readonly checkpoint: unknown
  /** Durably keeps a value for the next try of this step. JSON. */
  saveCheckpoint(value: unknown): Promise<void>
  /** Tells how far the step is. Cheap: written at most about once a second. */
  progress(done: number, total: number, detail?: string): void
  /** Idempotency token of a side effect of this step: the same for every try, also from the step's undo. */
  token(purpose: string): string
  /** Owner tags for what this step creates. */
  tags(): OwnerTags
  /** Opens a provider of the tenant (credentials are unsealed here) for calls under this step's guard. */
  cloud(providerId: string): Promise<Cloud>
  /** A write to our own tables that commits together with the end of this step, or not at all. */
  alsoWrite(write: Write): void
  /** Reading; for writes see `alsoWrite`. */
  readonly db: Pool
  readonly log: Logger
}

/** One SQL statement with its values. */
export interface Write {
  text: string
  values: unknown[]
}

export interface RetryPolicy {
  /** Failed tries before the step fails for good. Throttling does not count. */
  attempts: number
  /** First back-off, doubled each time up to `maxDelayMs`, with full jitter. */
  delayMs: number
  maxDelayMs: number
  /** Instead of doubling: the delay after the n-th failure. */
  scheduleMs?: readonly number[]
}

/** Does the step change anything outside of our database, and what is to be taken back if the job fails later? */
export type Effect = 'none' | 'changes'

interface StepParts {
  /** Variables it reads; each must be in the chain's `given` or the gift of an earlier step. */
  needs?: readonly string[]
  /** Variables it adds. */
  gives?: readonly string[]
  effect: Effect
  retry?: Partial<RetryPolicy>
}

/** One step as the runner sees it. */
export interface Step extends StepParts {
  readonly name: string
  run(context: StepContext, vars: Record<string, unknown>): Promise<Record<string, unknown> | void>
  undo?: { needs: readonly string[]; run(context: StepContext, vars: Record<string, unknown>): Promise<void> }
}

/** A summary of a job for `mirror`. */
export interface JobSummary {
  jobId: string
  tenantId: string
  subject: string
  input: Record<string, unknown>
  vars: Record<string, unknown>
  state: JobState
  progress: number
  problem: Problem | undefined
}

export interface Chain {
  readonly kind: string
  readonly version: number
  readonly pool: string
  readonly steps: readonly Step[]
  /** Each step's share of the job's progress. */
  readonly weights: readonly number[]
  /** Position of the step with which the outcome stands; nothing before or at the end of it may fail without undo. */
  readonly commitPosition: number
  /** Writes that keep the subject's own row in step with the job; part of the transaction that moves the job. */
  mirror?(summary: JobSummary): Write[]
  /** What the job answers when it has succeeded, made from its variables. `subject`: what the job is about. */
  output?(vars: Record<string, unknown>, subject: string): Record<string, unknown>
}

/**
 * Makes the step builder of one chain, which knows the types of the chain's input and variables: a step sees only the variables that it
 * needs and must return those that it gives.
 */
export function stepsOf<Input, Vars>() {
  return <
    Needs extends keyof Vars = never,
    Gives extends keyof Vars = never,
    UndoNeeds extends keyof Vars = never,
  >(
    name: string,
    parts: {
      needs?: readonly Needs[]
      gives?: readonly Gives[]
      effect: Effect
      retry?: Partial<RetryPolicy>
      run(
        context: StepContext<Input>,
        vars: Pick<Vars, Needs>,
      ): Promise<[Gives] extends [never] ? void : Pick<Vars, Gives>>
      undo?: {
        needs?: readonly UndoNeeds[]
        run(context: StepContext<Input>, vars: Pick<Vars, UndoNeeds>): Promise<void>
      }
    },
    // The runner keeps variables as JSON; the builder's types are the proof that each step gets what it declares.
  ): Step =>
    ({ name, ...parts, ...(parts.undo ? { undo: { needs: [], ...parts.undo } } : {}) }) as unknown as Step
}

/**
 * Defines a chain: checks that its steps are those of the outline, and proves that it can be undone (see proof.ts).
 * @throws Error listing every fault; a process with a faulty chain does not start.
 */
export function defineChain(
  kind: string,
  steps: readonly Step[],
  hooks: Pick<Chain, 'mirror' | 'output'> = {},
): Chain {
  const outline = outlineOf(kind)
  const expected = outline.steps.map((step) => step.name).join(', ')
  const actual = steps.map((step) => step.name).join(', ')
  if (expected !== actual)
    throw new Error(`The chain "${kind}" has the steps ${actual}; its outline says ${expected}.`)
  const commitPosition = outline.commitStep
    ? steps.findIndex((step) => step.name === outline.commitStep)
    : steps.length
  const chain = {
    kind,
    version: outline.version,
    pool: outline.pool,
    steps,
    weights: outline.steps.map((step) => step.weight),
    commitPosition,
    ...hooks,
  }
  const faults = proveChain(chain)
  if (faults.length > 0) throw new Error(`The chain "${kind}" is not sound:\n- ${faults.join('\n- ')}`)
  return chain
}

/** The step at a position; throws when the chain has none there (a job of a newer version). */
export function stepAt(chain: Chain, position: number, direction: Direction): Step {
  const step = chain.steps[position]
  if (!step || (direction === 'undo' && !step.undo))
    throw new Error(`The chain "${chain.kind}" has no step ${direction} ${position}.`)
  return step
}
