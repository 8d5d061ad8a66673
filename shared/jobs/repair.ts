import type { Logger } from 'pino'
import type { Pool, PoolClient } from 'pg'
import { inTransaction } from '#db/transaction.ts'
import { dispatchId, type Queues } from '#shared/jobs/queues.ts'
import type { Direction, Pool as PoolName } from '#shared/jobs/types.ts'

export interface RepairOptions {
  db: Pool
  queues: Queues
  log: Logger
  /** Something was written to the outbox. */
  onDispatched: () => void
  everyMs?: number
  /** A queued step younger than this is not suspected of having been forgotten, unless the queues have lost their memory. */
  patienceMs?: number
}

/** What one round of repair has put back on its way. */
export interface RepairReport {
  expired: number
  overdue: number
  forgotten: number
}

export interface Repair {
  /** One round now, also for tests. Undefined when another process is at it. */
  round(): Promise<RepairReport | undefined>
  stop(): Promise<void>
}

/**
 * Looks for steps that nobody will come for, and dispatches them again under a new epoch: those whose holder's lease has run out, those whose
 * job is past its deadline, and those that a queue has forgotten (a flushed or lost Redis). Any number of processes may run it; one at a time works.
 */
export function startRepair(options: RepairOptions): Repair {
  const { log, everyMs = 2_000 } = options
  let current: Promise<unknown> = Promise.resolve()
  let stopped = false
  const round = () => repairRound(options)
  const tick = async () => {
    try {
      const report = await round()
      if (report && report.expired + report.overdue + report.forgotten > 0)
        log.warn(report, 'steps put back on their way')
    } catch (error) {
      log.debug({ err: error }, 'repair could not look; it will again')
    }
    if (!stopped) timer = setTimeout(run, everyMs)
  }
  const run = () => {
    current = tick()
  }
  let timer = setTimeout(run, everyMs)
  return {
    round,
    async stop() {
      stopped = true
      clearTimeout(timer)
      await current
    },
  }
}

async function repairRound({
  db,
  queues,
  onDispatched,
  patienceMs = 30_000,
}: RepairOptions): Promise<RepairReport | undefined> {
  const remembers = await queues.remembers()
  let report: RepairReport | undefined
  await inTransaction(db, async (client) => {
    const { rows } = await client.query<{ mine: boolean }>('select pg_try_advisory_xact_lock($1) as mine', [
      repairLock,
    ])
    if (!rows[0]?.mine) return false
    report = {
      expired: (await client.query(expiredSql)).rowCount ?? 0,
      overdue: (await client.query(overdueSql)).rowCount ?? 0,
      forgotten: await redispatchForgotten(client, queues, remembers ? patienceMs : 0),
    }
    return true
  })
  if (report) {
    if (!remembers) await queues.imprint()
    if (report.expired + report.overdue + report.forgotten > 0) onDispatched()
  }
  return report
}

async function redispatchForgotten(client: PoolClient, queues: Queues, patienceMs: number): Promise<number> {
  const { rows } = await client.query<QueuedStep>(queuedSql, [patienceMs, lookLimit])
  const forgotten: QueuedStep[] = []
  for (let at = 0; at < rows.length; at += lookAtOnce) {
    const batch = rows.slice(at, at + lookAtOnce)
    const waiting = await Promise.all(batch.map((step) => isWaiting(queues, step)))
    forgotten.push(...batch.filter((_, nr) => !waiting[nr]))
  }
  if (forgotten.length > 0) await client.query(redispatchSql, [JSON.stringify(forgotten)])
  return forgotten.length
}

/** Is the step's dispatch in its queue and still to be run? A finished entry of a step that is still queued ran into a wall and will not be run again. */
async function isWaiting(queues: Queues, step: QueuedStep): Promise<boolean> {
  const id = dispatchId({
    jobId: step.job_id,
    direction: step.direction,
    position: step.position,
    epoch: step.epoch,
  })
  const state = await queues.of(step.queue).getJobState(id)
  return state !== 'unknown' && state !== 'completed' && state !== 'failed'
}

interface QueuedStep {
  job_id: string
  direction: Direction
  position: number
  epoch: number
  queue: PoolName
}

/** Any fixed number that nothing else in the database locks. */
const repairLock = 7_263_002
const lookLimit = 10_000
const lookAtOnce = 100

const dispatchAgain = `
, o as (
  insert into outbox (queue, job_id, direction, position, epoch, name, priority)
  select s.queue, s.job_id, s.direction, s.position, s.epoch, s.name, j.priority from s join jobs j on j.id = s.job_id
)
select job_id from s`

/** A second of grace covers the difference between statement and lease clocks. */
const expiredSql = `
with s as (
  update job_steps set state = 'queued', epoch = epoch + 1, holder = null, lease_until = null, updated_at = clock_timestamp()
  where (job_id, direction, position) in (
    select job_id, direction, position from job_steps
    where state = 'running' and lease_until < clock_timestamp() - interval '1 second' for update skip locked)
  returning queue, job_id, direction, position, epoch, name
)${dispatchAgain}`

const overdueSql = `
with s as (
  update job_steps set epoch = epoch + 1, not_before = null, updated_at = clock_timestamp()
  where (job_id, direction, position) in (
    select s.job_id, s.direction, s.position from job_steps s join jobs j on j.id = s.job_id
    where s.state = 'queued' and s.direction = 'do' and j.state in ('queued', 'running') and s.not_before > clock_timestamp()
      and j.deadline < clock_timestamp() for update of s skip locked)
  returning queue, job_id, direction, position, epoch, name
)${dispatchAgain}`

const queuedSql = `
select s.job_id, s.direction, s.position, s.epoch, s.queue from job_steps s
where s.state = 'queued' and s.updated_at < clock_timestamp() - $1::double precision * interval '1 millisecond'
  and not exists (select 1 from outbox o where o.job_id = s.job_id)
order by s.updated_at limit $2`

const redispatchSql = `
with w as (
  select * from jsonb_to_recordset($1::jsonb) as w(job_id text, direction text, position int, epoch int)
), s as (
  update job_steps s set epoch = s.epoch + 1, updated_at = clock_timestamp() from w
  where s.job_id = w.job_id and s.direction = w.direction and s.position = w.position and s.epoch = w.epoch and s.state = 'queued'
  returning s.queue, s.job_id, s.direction, s.position, s.epoch, s.name, s.not_before
), o as (
  insert into outbox (queue, job_id, direction, position, epoch, name, priority, not_before)
  select s.queue, s.job_id, s.direction, s.position, s.epoch, s.name, j.priority, s.not_before from s join jobs j on j.id = s.job_id
)
select job_id from s`
