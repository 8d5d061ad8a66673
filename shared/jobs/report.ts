import type { Pool } from 'pg'
import type { Holding } from '#shared/jobs/transition.ts'

export interface ProgressReport {
  done: number
  total: number
  detail: string | undefined
  /** Of the whole job, 0 to 1. */
  jobProgress: number
  eta: Date | undefined
}

/** Writes how far a step is. Neither the step's nor the job's figure ever falls. @returns false if the holder has lost the step. */
export async function writeProgress(db: Pool, holding: Holding, report: ProgressReport): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'write-progress',
    text: progressSql,
    values: [
      ...keyOf(holding),
      report.done,
      report.total,
      report.detail ?? null,
      report.jobProgress,
      report.eta ?? null,
    ],
  })
  return rowCount === 1
}

/** Keeps a checkpoint. @returns false if the holder has lost the step. */
export async function writeCheckpoint(db: Pool, holding: Holding, value: unknown): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'write-checkpoint',
    text: `update job_steps set checkpoint = $5, updated_at = clock_timestamp()
           where job_id = $1 and direction = $2 and position = $3 and fence = $4 and state = 'running'`,
    values: [...keyOf(holding), JSON.stringify(value)],
  })
  return rowCount === 1
}

const keyOf = ({ jobId, direction, position, fence }: Holding) => [jobId, direction, position, fence]

const progressSql = `
with s as (
  update job_steps set
    progress_done = greatest(progress_done, $5), progress_total = greatest(progress_total, $6), detail = $7, updated_at = clock_timestamp()
  where job_id = $1 and direction = $2 and position = $3 and fence = $4 and state = 'running'
  returning job_id, name, progress_done, progress_total
), j as (
  update jobs j set
    progress = greatest(j.progress, $8), eta = coalesce($9, j.eta), event_seq = j.event_seq + 1, updated_at = clock_timestamp()
  from s where j.id = s.job_id
  returning j.id, j.event_seq, j.progress, j.eta
)
insert into job_events (job_id, seq, type, data)
select j.id, j.event_seq, 'progress', jsonb_build_object(
  'step', s.name, 'done', s.progress_done, 'total', s.progress_total, 'detail', $7::text, 'progress', j.progress, 'eta', j.eta)
from s join j on true`
