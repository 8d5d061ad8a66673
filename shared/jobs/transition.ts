import type { Pool, PoolClient } from 'pg'
import type { Direction, JobState, Problem, Residue, StepState } from '#shared/jobs/types.ts'

/** Which pick-up of a step is speaking. Every write of a holder carries it. */
export interface Holding {
  jobId: string
  direction: Direction
  position: number
  fence: number
}

/** An event to append to the job's log. */
export interface NewEvent {
  type: string
  data?: Record<string, unknown>
}

/** What a holder makes of its step, and of the job, in one go. */
export interface Transition extends Holding {
  /** `queued` dispatches the same step again under the next epoch. */
  stepState: Exclude<StepState, 'running'>
  outputs?: Record<string, unknown>
  stepProblem?: Problem
  /** Counts as a failed try. */
  failedAttempt?: boolean
  /** Wait before the step is dispatched again, in milliseconds. */
  delayMs?: number
  jobState?: JobState
  jobProblem?: Problem
  jobOutput?: Record<string, unknown>
  residue?: Residue
  /** 0 to 1 */
  progress?: number
  next?: { direction: Direction; position: number; name: string; queue: string }
  events: NewEvent[]
}

/**
 * Applies transitions, all in one statement: each moves its step, moves its job, records events and writes the next dispatch to the
 * outbox, or does nothing at all where the holder has lost the step.
 * @returns for each transition whether it was applied.
 */
export async function applyTransitions(
  db: Pool | PoolClient,
  transitions: readonly Transition[],
): Promise<boolean[]> {
  const { rows } = await db.query<{ job_id: string; fence: number; direction: string; position: number }>({
    name: 'apply-transitions',
    text: transitionSql,
    values: [JSON.stringify(transitions.map(toRow))],
  })
  const applied = new Set(rows.map((row) => `${row.job_id} ${row.direction} ${row.position} ${row.fence}`))
  return transitions.map((one) => applied.has(`${one.jobId} ${one.direction} ${one.position} ${one.fence}`))
}

const toRow = (one: Transition) => ({
  job_id: one.jobId,
  direction: one.direction,
  position: one.position,
  fence: one.fence,
  step_state: one.stepState,
  outputs: one.outputs ?? null,
  step_problem: one.stepProblem ?? null,
  failed_attempts: one.failedAttempt ? 1 : 0,
  delay_ms: one.delayMs ?? null,
  job_state: one.jobState ?? null,
  job_problem: one.jobProblem ?? null,
  job_output: one.jobOutput ?? null,
  residue: one.residue ? [one.residue] : [],
  progress: one.progress ?? 0,
  next_direction: one.next?.direction ?? null,
  next_position: one.next?.position ?? null,
  next_name: one.next?.name ?? null,
  next_queue: one.next?.queue ?? null,
  events: one.events,
})

const transitionSql = `
with w as (
  select * from jsonb_to_recordset($1::jsonb) as w(
    job_id text, direction text, position int, fence int, step_state text, outputs jsonb, step_problem jsonb, failed_attempts int,
    delay_ms double precision, job_state text, job_problem jsonb, job_output jsonb, residue jsonb, progress double precision,
    next_direction text, next_position int, next_name text, next_queue text, events jsonb)
), s as (
  update job_steps s set
    state = w.step_state,
    outputs = coalesce(w.outputs, s.outputs),
    problem = w.step_problem,
    attempts = s.attempts + w.failed_attempts,
    epoch = s.epoch + case when w.step_state = 'queued' then 1 else 0 end,
    not_before = case when w.delay_ms > 0 then clock_timestamp() + w.delay_ms * interval '1 millisecond' end,
    holder = null,
    lease_until = null,
    finished_at = case when w.step_state = 'queued' then null else clock_timestamp() end,
    updated_at = clock_timestamp()
  from w
  where s.job_id = w.job_id and s.direction = w.direction and s.position = w.position and s.fence = w.fence and s.state = 'running'
  returning s.job_id, s.direction, s.position, s.fence, s.name, s.queue, s.epoch, s.not_before, s.state
), j as (
  update jobs j set
    vars = j.vars || coalesce(w.outputs, '{}'),
    state = coalesce(w.job_state, j.state),
    problem = coalesce(w.job_problem, j.problem),
    output = coalesce(w.job_output, j.output),
    residue = j.residue || w.residue,
    progress = greatest(j.progress, w.progress),
    eta = case when w.job_state in ('succeeded', 'failed', 'cancelled', 'undoing') then null else j.eta end,
    finished_at = case when w.job_state in ('succeeded', 'failed', 'cancelled') then clock_timestamp() else j.finished_at end,
    event_seq = j.event_seq + jsonb_array_length(w.events),
    updated_at = clock_timestamp()
  from w join s on s.job_id = w.job_id
  where j.id = w.job_id
  returning j.id, j.event_seq, j.priority, j.generation
), n as (
  -- Each generation has its own range of epochs, so that no dispatch of an earlier run can be taken for one of this.
  insert into job_steps (job_id, direction, position, name, queue, state, epoch)
  select j.id, w.next_direction, w.next_position, w.next_name, w.next_queue, 'queued', (j.generation - 1) * 1000 + 1
  from w join j on j.id = w.job_id where w.next_name is not null
  on conflict (job_id, direction, position) do update
    set state = 'queued', epoch = job_steps.epoch + 1, attempts = 0, not_before = null, problem = null, updated_at = clock_timestamp()
  returning job_id, direction, position, name, queue, epoch
), o as (
  insert into outbox (queue, job_id, direction, position, epoch, name, priority, not_before)
  select d.queue, d.job_id, d.direction, d.position, d.epoch, d.name, j.priority, d.not_before
  from (
    select queue, job_id, direction, position, epoch, name, null::timestamptz as not_before from n
    union all
    select queue, job_id, direction, position, epoch, name, not_before from s where s.state = 'queued'
  ) d join j on j.id = d.job_id
), e as (
  insert into job_events (job_id, seq, type, data)
  select j.id, j.event_seq - jsonb_array_length(w.events) + event.nr, event.value ->> 'type', coalesce(event.value -> 'data', '{}')
  from w join j on j.id = w.job_id cross join lateral jsonb_array_elements(w.events) with ordinality as event(value, nr)
)
select job_id, direction, position, fence from s`
