import { inTransaction } from '#db/transaction.ts'
import type { Logger } from 'pino'
import type { Pool } from 'pg'
import { dispatchId, type Dispatch, type Queues } from '#shared/jobs/queues.ts'
import type { Pool as PoolName } from '#shared/jobs/types.ts'

export interface Relay {
  /** There may be something in the outbox. */
  kick(): void
  stop(): Promise<void>
}

interface OutboxRow {
  queue: PoolName
  job_id: string
  direction: Dispatch['direction']
  position: number
  epoch: number
  name: string
  priority: number
  delay_ms: number
}

/**
 * Carries dispatches from the outbox to the queues: rows are taken under lock (SKIP LOCKED, so any number of relays share the work), added,
 * and deleted in the same transaction. A crash between adding and deleting adds them again, which the dispatch's id makes a no-op.
 */
export function startRelay({ db, queues, log }: { db: Pool; queues: Queues; log: Logger }): Relay {
  let stopped = false
  let kicked = true
  let wakeUp = () => {}

  const loop = async () => {
    let failures = 0
    while (!stopped) {
      try {
        kicked = false
        while ((await relayBatch(db, queues)) === batchSize && !stopped);
        failures = 0
      } catch (error) {
        failures += 1
        log.warn({ err: error }, 'the relay could not hand over dispatches; it will try again')
      }
      if (kicked && failures === 0) continue
      const waitMs = failures === 0 ? pollMs : Math.min(2_000, 100 * 2 ** failures)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs)
        wakeUp = () => {
          if (failures > 0) return
          clearTimeout(timer)
          resolve()
        }
        if (stopped) resolve()
      })
    }
  }

  const finished = loop()
  return {
    kick() {
      kicked = true
      wakeUp()
    },
    async stop() {
      stopped = true
      wakeUp()
      await finished
    },
  }
}

/** @returns how many dispatches were handed over. */
async function relayBatch(db: Pool, queues: Queues): Promise<number> {
  return inTransaction(db, async (client) => {
    const { rows } = await client.query<OutboxRow>({ name: 'relay-take', text: takeSql, values: [batchSize] })
    const byQueue = Map.groupBy(rows, (row) => row.queue)
    await Promise.all([...byQueue].map(([queue, list]) => queues.of(queue).addBulk(list.map(toBullJob))))
    return rows.length
  })
}

function toBullJob(row: OutboxRow) {
  const data: Dispatch = {
    jobId: row.job_id,
    direction: row.direction,
    position: row.position,
    epoch: row.epoch,
  }
  return {
    name: row.direction === 'undo' ? `undo ${row.name}` : row.name,
    data,
    opts: {
      jobId: dispatchId(data),
      ...(row.delay_ms > 0 ? { delay: Math.ceil(row.delay_ms) } : {}),
      ...(row.priority > 0 ? { priority: row.priority } : {}),
    },
  }
}

const batchSize = 200
const pollMs = 1_000

const takeSql = `
delete from outbox where id in (select id from outbox order by id limit $1 for update skip locked)
returning queue, job_id, direction, position, epoch, name, priority,
  coalesce(extract(epoch from not_before - clock_timestamp()) * 1000, 0)::double precision as delay_ms`
