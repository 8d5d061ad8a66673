import type { Pool } from 'pg'

/** How many jobs there are, and what waits. */
export interface Census {
  /** Unfinished ones: every one. */
  jobs: { kind: string; state: string; count: number }[]
  /** Those accepted within the last hour, finished ones too. */
  lastHour: { kind: string; state: string; count: number }[]
  /** Steps of each pool by state; `waitedS` is how long the one has waited that is due the longest, 0 if none is. */
  steps: { pool: string; state: 'queued' | 'running'; count: number; waitedS: number }[]
  /** Dispatches that are due for the queues. */
  outbox: number
}

/**
 * Counts by indexes alone: unfinished jobs are found by their one queued or running step, young ones by their ids, which begin with the time.
 */
export async function takeCensus(db: Pool, now: Date = new Date()): Promise<Census> {
  const hourAgo = jobIdAt(now.getTime() - 3_600_000)
  const [jobs, lastHour, steps, outbox] = await Promise.all([
    db.query<Counted>(
      `select j.kind, j.state, count(distinct j.id)::int as count from (
         select job_id from job_steps where state = 'running' union all select job_id from job_steps where state = 'queued'
       ) s join jobs j on j.id = s.job_id group by 1, 2 order by 1, 2`,
    ),
    db.query<Counted>(
      'select kind, state, count(*)::int as count from jobs where id > $1 group by 1, 2 order by 1, 2',
      [hourAgo],
    ),
    db.query<Census['steps'][number]>(
      `select queue as pool, 'running' as state, count(*)::int as count, 0::float8 as "waitedS"
       from job_steps where state = 'running' group by 1
       union all
       select queue, 'queued', count(*)::int,
         coalesce(extract(epoch from now() - min(greatest(updated_at, not_before)) filter (where not_before is null or not_before < now())), 0)::float8
       from job_steps where state = 'queued' group by 1 order by 1, 2`,
    ),
    db.query<{ count: number }>(
      'select count(*)::int as count from outbox where not_before is null or not_before < now()',
    ),
  ])
  return { jobs: jobs.rows, lastHour: lastHour.rows, steps: steps.rows, outbox: outbox.rows[0]?.count ?? 0 }
}

interface Counted {
  kind: string
  state: string
  count: number
}

/** What an id of a job made at that time is at least: a UUIDv7 begins with 48 bits of milliseconds. */
const jobIdAt = (ms: number): string => {
  const hex = ms.toString(16).padStart(12, '0')
  return `job_${hex.slice(0, 8)}-${hex.slice(8)}`
}
