/**
 * How the runner reacts to an error:
 * - `retryable`: try the step again after a back-off;
 * - `throttled`: the same, no sooner than `retryAfterMs`, and without using up an attempt;
 * - `capacity`: nothing is wrong but there is no room in `scope`; another offer may be tried, the same one later;
 * - `permanent`: trying again cannot help; undo;
 * - `cancelled`: the job was cancelled or its deadline passed; undo.
 */
export type ErrorKind = 'retryable' | 'throttled' | 'capacity' | 'permanent' | 'cancelled'

/** The part of a cloud that a capacity or quota error speaks of. */
export type CapacityScope = 'account' | 'region' | 'zone' | 'type'

/** What every error class of NovaCron carries, so that one function can classify and one can report. */
export interface Classified {
  /** Stable, snake_case, documented; what programs match on. */
  readonly code: string
  readonly kind: ErrorKind
  readonly retryable: boolean
  /** What the reader can do about it, as one sentence. */
  readonly remedy?: string
  readonly retryAfterMs?: number
  readonly scope?: CapacityScope
  /** Extra facts that are safe to show (never a credential). */
  readonly details?: Readonly<Record<string, unknown>>
}

export interface ErrorFacts {
  code: string
  kind?: ErrorKind
  remedy?: string | undefined
  retryAfterMs?: number
  scope?: CapacityScope
  details?: Record<string, unknown>
  cause?: unknown
}

/** Base of the one error class per boundary (CloudError, DiskError, StepError, …). */
export class NovaError extends Error implements Classified {
  readonly code: string
  readonly kind: ErrorKind
  readonly remedy?: string
  readonly retryAfterMs?: number
  readonly scope?: CapacityScope
  readonly details?: Readonly<Record<string, unknown>>

  constructor(message: string, facts: ErrorFacts) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = new.target.name
    this.code = facts.code
    this.kind = facts.kind ?? 'permanent'
    if (facts.remedy !== undefined) this.remedy = facts.remedy
    if (facts.retryAfterMs !== undefined) this.retryAfterMs = facts.retryAfterMs
    if (facts.scope !== undefined) this.scope = facts.scope
    if (facts.details !== undefined) this.details = facts.details
  }

  get retryable(): boolean {
    return this.kind === 'retryable' || this.kind === 'throttled'
  }
}
