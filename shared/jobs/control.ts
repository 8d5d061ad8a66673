import type { Pool } from 'pg'
import { outlineOf } from '#shared/jobs/outlines.ts'
import { inTransaction } from '#db/transaction.ts'
import { isFinished } from '#shared/jobs/types.ts'

export type CancelOutcome = 'requested' | 'already_finished' | 'too_late' | 'not_found'

/**
 * Asks for a job's cancellation. What runs is interrupted, what waits is woken, and the undo begins. `too_late`: the job has passed the step
 * after which its outcome stands. Whoever calls it notifies `novacron_cancel` (with the id) and `novacron_outbox`.
 */
export async function requestCancel(
  db: Pool,
  tenantId: string,
  jobId: string,
  reason?: string,
): Promise<CancelOutcome> {
  const { rows } = await db.query<{ kind: string; state: string }>(
    'select kind, state from jobs where tenant_id = $1 and id = $2',
    [tenantId, jobId],
  )
  const [job] = rows
  if (!job) return 'not_found'
  if (isFinished(job.state)) return 'already_finished'
  const { rowCount } = await db.query(cancelSql, [
    tenantId,
    jobId,
    reason ?? null,
    commitPositionOf(job.kind),
  ])
  return rowCount === 0 ? 'too_late' : 'requested'
}

/**
 * Runs a failed or cancelled job again from its first step, as a new generation: new idempotency tokens, no checkpoints, no variables.
 * Whoever calls it notifies `novacron_outbox`.
 */
export async function retryJob(
  db: Pool,
  tenantId: string,
  jobId: string,
): Promise<'requeued' | 'not_failed' | 'not_found'> {
  const { rows } = await db.query<{ kind: string }>(
    'select kind from jobs where tenant_id = $1 and id = $2',
    [tenantId, jobId],
  )
  const [job] = rows
  if (!job) return 'not_found'
  const outline = outlineOf(job.kind)
  const requeued = await inTransaction(db, async (client) => {
    const { rowCount } = await client.query(
      `update jobs set state = 'queued', generation = generation + 1, chain_version = $3, vars = '{}', problem = null, output = null,
         eta = null, finished_at = null, cancel_requested_at = null, cancel_reason = null, deadline = null,
         event_seq = event_seq + 1, updated_at = clock_timestamp()
       where tenant_id = $1 and id = $2 and state in ('failed', 'cancelled')`,
      [tenantId, jobId, outline.version],
    )
    if (rowCount === 0) return false
    await client.query('delete from job_steps where job_id = $1', [jobId])
    await client.query(requeueSql, [jobId, outline.steps[0]?.name, outline.pool])
    return true
  })
  return requeued ? 'requeued' : 'not_failed'
}

function commitPositionOf(kind: string): number {
  const outline = outlineOf(kind)
  const at = outline.steps.findIndex((step) => step.name === outline.commitStep)
  return at === -1 ? outline.steps.length : at
}

const cancelSql = `
with j as (
  update jobs set
    cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()), cancel_reason = coalesce(cancel_reason, $3),
    event_seq = event_seq + 1, updated_at = clock_timestamp()
  where tenant_id = $1 and id = $2 and state in ('queued', 'running', 'undoing')
    and not exists (select 1 from job_steps where job_id = $2 and direction = 'do' and position > $4)
  returning id, event_seq, priority
), e as (
  insert into job_events (job_id, seq, type, data) select id, event_seq, 'job.cancel_requested', jsonb_build_object('reason', $3::text) from j
), s as (
  update job_steps s set epoch = s.epoch + 1, not_before = null, updated_at = clock_timestamp()
  from j where s.job_id = j.id and s.direction = 'do' and s.state = 'queued'
  returning s.queue, s.job_id, s.direction, s.position, s.epoch, s.name
), o as (
  insert into outbox (queue, job_id, direction, position, epoch, name, priority)
  select s.queue, s.job_id, s.direction, s.position, s.epoch, s.name, j.priority from s join j on true
)
select id from j`

const requeueSql = `
with j as (select * from jobs where id = $1),
s as (
  insert into job_steps (job_id, direction, position, name, queue, state, epoch)
  select id, 'do', 0, $2, $3, 'queued', (generation - 1) * 1000 + 1 from j
  returning job_id, queue, epoch, name
), o as (
  insert into outbox (queue, job_id, direction, position, epoch, name, priority)
  select s.queue, s.job_id, 'do', 0, s.epoch, s.name, j.priority from s join j on true
)
insert into job_events (job_id, seq, type, data) select id, event_seq, 'job.requeued', jsonb_build_object('generation', generation) from j`
