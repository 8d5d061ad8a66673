import type { Pool } from 'pg'
import type { Queues } from '#shared/jobs/queues.ts'
import type { Pool as PoolName } from '#shared/jobs/types.ts'

/** Why a job is not moving at the moment. */
export interface Waiting {
  reason: 'back_off' | 'dispatching' | 'paused' | 'no_worker' | 'in_line'
  /** The same as a sentence. */
  detail: string
  step: string
  pool: string
  until?: string
  /** Dispatches of the pool that wait, this one included. */
  waiting?: number
  /** Steps of the pool that run. */
  running?: number
  workers?: number
}

/** Answers "why is it waiting?". Undefined when the job is not waiting: a step runs, or the job has finished. */
export async function explainWaiting(db: Pool, queues: Queues, jobId: string): Promise<Waiting | undefined> {
  const { rows } = await db.query<WaitingRow>(
    `select s.name, s.queue, s.not_before, s.problem ->> 'detail' as last_problem,
       exists (select 1 from outbox o where o.job_id = s.job_id) as in_outbox
     from job_steps s where s.job_id = $1 and s.state = 'queued' limit 1`,
    [jobId],
  )
  const [step] = rows
  if (!step) return undefined
  const about = { step: step.name, pool: step.queue }
  if (step.not_before && step.not_before.getTime() > Date.now()) {
    const until = step.not_before.toISOString()
    return {
      ...about,
      reason: 'back_off',
      until,
      detail: `Step "${step.name}" is tried again at ${until}: ${step.last_problem ?? 'the last try failed'}`,
    }
  }
  if (step.in_outbox)
    return {
      ...about,
      reason: 'dispatching',
      detail: `Step "${step.name}" is about to be handed to the "${step.queue}" queue.`,
    }
  return { ...about, ...(await lookAtQueue(queues, step)) }
}

interface WaitingRow {
  name: string
  queue: PoolName
  not_before: Date | null
  last_problem: string | null
  in_outbox: boolean
}

async function lookAtQueue(
  queues: Queues,
  step: WaitingRow,
): Promise<Pick<Waiting, 'reason' | 'detail' | 'waiting' | 'running' | 'workers'>> {
  const queue = queues.of(step.queue)
  const [paused, workers, counts] = await Promise.all([
    queue.isPaused(),
    queue.getWorkersCount(),
    queue.getJobCounts('waiting', 'prioritized', 'active'),
  ])
  const waiting = (counts['waiting'] ?? 0) + (counts['prioritized'] ?? 0)
  const running = counts['active'] ?? 0
  const facts = { waiting, running, workers }
  if (paused)
    return {
      ...facts,
      reason: 'paused',
      detail: `The "${step.queue}" pool is paused; resume it on the board.`,
    }
  if (workers === 0)
    return {
      ...facts,
      reason: 'no_worker',
      detail: `No worker serves the "${step.queue}" pool; start one with POOLS=${step.queue} node workers/main.ts.`,
    }
  return {
    ...facts,
    reason: 'in_line',
    detail: `${waiting} in line for the "${step.queue}" pool, where ${workers} worker(s) run ${running} step(s).`,
  }
}
