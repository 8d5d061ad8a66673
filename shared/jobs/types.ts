/** Why a job or step failed, as kept in the database and shown by the API (RFC 9457 members, less `status`). */
export interface Problem {
  /** Stable, snake_case; what programs match on. */
  code: string
  /** What happened and why, for a person. */
  detail: string
  /** What to do about it. */
  remedy?: string
  /** The step it happened in. */
  step?: string
  vendor_code?: string
  request_id?: string
  details?: Readonly<Record<string, unknown>>
}

/** Something that an undo could not take back, and that a person should look at. */
export interface Residue {
  step: string
  problem: Problem
  at: string
}

export type JobState = 'queued' | 'running' | 'undoing' | 'succeeded' | 'failed' | 'cancelled'
export type StepState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'
export type Direction = 'do' | 'undo'

/** Pools are queues of the same name. */
export const pools = ['provisioning', 'migration', 'webhooks', 'upkeep'] as const
export type Pool = (typeof pools)[number]

/** The states in which a job can still change. */
export const unfinishedStates: readonly JobState[] = ['queued', 'running', 'undoing']
export const isFinished = (state: string): boolean => !unfinishedStates.includes(state as JobState)
