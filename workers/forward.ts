import type { StepContext } from '#shared/jobs/chain.ts'

/** For an undo: how long ago, in milliseconds, the job last stopped a step of its way forward. What was under way then may still take effect. */
export async function sinceForwardMs({
  db,
  jobId,
}: Pick<StepContext<unknown>, 'db' | 'jobId'>): Promise<number> {
  const { rows } = await db.query<{ ms: number | null }>(
    `select extract(epoch from clock_timestamp() - max(finished_at))::double precision * 1000 as ms
     from job_steps where job_id = $1 and direction = 'do'`,
    [jobId],
  )
  return Math.max(0, rows[0]?.ms ?? 0)
}

/** For an undo: the last checkpoint that its own step kept on the way forward. */
export async function forwardCheckpoint({
  db,
  holding,
}: Pick<StepContext<unknown>, 'db' | 'holding'>): Promise<unknown> {
  const { rows } = await db.query<{ checkpoint: unknown }>(
    `select checkpoint from job_steps where job_id = $1 and direction = 'do' and position = $2`,
    [holding.jobId, holding.position],
  )
  return rows[0]?.checkpoint ?? undefined
}
