import type { Pool } from 'pg'
import type { Dispatch } from '#shared/jobs/queues.ts'
import type { Direction, Problem } from '#shared/jobs/types.ts'

/** A step as its new holder finds it, with what it needs to know of its job. */
export interface ClaimedStep {
  jobId: string
  direction: Direction
  position: number
  name: string
  fence: number
  /** Failed tries before this one. */
  attempts: number
  checkpoint: unknown
  tenantId: string
  kind: string
  chainVersion: number
  generation: number
  subject: string | undefined
  input: Record<string, unknown>
  vars: Record<string, unknown>
  problem: Problem | undefined
  progress: number
  internal: boolean
  jobStartedAt: Date
  deadline: Date | undefined
  cancelReason: string | undefined
  cancelRequested: boolean
}

export interface ClaimOptions {
  holder: string
  leaseMs: number
}

/**
 * Takes hold of the steps that the dispatches name. A step can be taken if the dispatch is of its current epoch and nobody holds it:
 * it is queued, or its holder's lease has run out. Taking it raises the fence, so that an earlier holder can write no more.
 * @returns the claimed step for each dispatch, or undefined where it may not be taken.
 */
export async function claimSteps(
  db: Pool,
  dispatches: readonly Dispatch[],
  options: ClaimOptions,
): Promise<(ClaimedStep | undefined)[]> {
  const { rows } = await db.query<ClaimRow>({
    name: 'claim-steps',
    text: claimSql,
    values: [
      JSON.stringify(
        dispatches.map((one) => ({
          job_id: one.jobId,
          direction: one.direction,
          position: one.position,
          epoch: one.epoch,
        })),
      ),
      options.holder,
      options.leaseMs,
    ],
  })
  const claimed = new Map(rows.map((row) => [`${row.job_id} ${row.direction} ${row.position}`, toClaim(row)]))
  return dispatches.map((one) => claimed.get(`${one.jobId} ${one.direction} ${one.position}`))
}

/** For a dispatch that could not be claimed: until when another worker's lease runs, or undefined if the dispatch is of the past. */
export async function heldUntil(db: Pool, dispatch: Dispatch): Promise<Date | undefined> {
  const { rows } = await db.query<{ lease_until: Date }>(
    `select lease_until from job_steps
     where job_id = $1 and direction = $2 and position = $3 and epoch = $4 and state = 'running'`,
    [dispatch.jobId, dispatch.direction, dispatch.position, dispatch.epoch],
  )
  return rows[0]?.lease_until
}

interface ClaimRow {
  job_id: string
  direction: Direction
  position: number
  name: string
  fence: number
  attempts: number
  checkpoint: unknown
  tenant_id: string
  kind: string
  chain_version: number
  generation: number
  subject: string | null
  input: Record<string, unknown>
  vars: Record<string, unknown>
  problem: Problem | null
  progress: number
  internal: boolean
  started_at: Date
  deadline: Date | null
  cancel_requested_at: Date | null
  cancel_reason: string | null
}

const toClaim = (row: ClaimRow): ClaimedStep => ({
  jobId: row.job_id,
  direction: row.direction,
  position: row.position,
  name: row.name,
  fence: row.fence,
  attempts: row.attempts,
  checkpoint: row.checkpoint ?? undefined,
  tenantId: row.tenant_id,
  kind: row.kind,
  chainVersion: row.chain_version,
  generation: row.generation,
  subject: row.subject ?? undefined,
  input: row.input,
  vars: row.vars,
  problem: row.problem ?? undefined,
  progress: row.progress,
  internal: row.internal,
  jobStartedAt: row.started_at,
  deadline: row.deadline ?? undefined,
  cancelReason: row.cancel_reason ?? undefined,
  cancelRequested: row.cancel_requested_at !== null,
})

const claimSql = `
with w as (
  select * from jsonb_to_recordset($1::jsonb) as w(job_id text, direction text, position int, epoch int)
), s as (
  update job_steps s set
    state = 'running',
    fence = s.fence + 1,
    holder = $2,
    lease_until = clock_timestamp() + $3::double precision * interval '1 millisecond',
    not_before = null,
    started_at = coalesce(s.started_at, clock_timestamp()),
    updated_at = clock_timestamp()
  from w
  where s.job_id = w.job_id and s.direction = w.direction and s.position = w.position and s.epoch = w.epoch
    and (s.state = 'queued' or (s.state = 'running' and s.lease_until < clock_timestamp()))
  returning s.job_id, s.direction, s.position, s.name, s.fence, s.attempts, s.checkpoint
), j as (
  update jobs j set
    state = case when j.state = 'queued' then 'running' else j.state end,
    started_at = coalesce(j.started_at, clock_timestamp()),
    event_seq = j.event_seq + 1,
    updated_at = clock_timestamp()
  from s where j.id = s.job_id
  returning j.*
), e as (
  insert into job_events (job_id, seq, type, data)
  select j.id, j.event_seq, 'step.started',
    jsonb_build_object('step', s.name, 'direction', s.direction, 'attempt', s.attempts + 1, 'holder', $2::text)
  from s join j on j.id = s.job_id
)
select s.*, j.tenant_id, j.kind, j.chain_version, j.generation, j.subject, j.input, j.vars, j.problem, j.progress, j.internal, j.started_at, j.deadline,
  j.cancel_requested_at, j.cancel_reason
from s join j on j.id = s.job_id`
