import { DelayedError, type Job, type Worker } from 'bullmq'
import type { Logger } from 'pino'
import { setTimeout as sleep } from 'node:timers/promises'
import { openPool } from '#db/pool.ts'
import type { Cloud } from '#shared/clouds/port.ts'
import type { Chain } from '#shared/jobs/chain.ts'
import { openQueues, openWorker, type Dispatch, type QueueAddresses } from '#shared/jobs/queues.ts'
import { startRelay } from '#shared/jobs/relay.ts'
import { startRepair } from '#shared/jobs/repair.ts'
import { createRunner, type Runner } from '#shared/jobs/runner.ts'
import type { Pool } from '#shared/jobs/types.ts'
import { openWake } from '#shared/jobs/wake.ts'

export interface WorkersOptions {
  addresses: QueueAddresses
  pools: readonly Pool[]
  /** Chains of at least these pools. */
  chains: readonly Chain[]
  /** Steps of one pool at once. */
  concurrency: number
  leaseMs: number
  workerId: string
  openProvider: (tenantId: string, providerId: string) => Promise<Cloud>
  log: Logger
  repairEveryMs?: number
  patienceMs?: number
}

export interface Workers {
  /**
   * Takes no more work, lets running steps finish for up to `graceMs`, then hands the rest back to other workers, and closes. What was handed back
   * goes on from its last checkpoint.
   */
  stop(graceMs: number): Promise<void>
}

/** Starts the worker side of NovaCron in this process: one BullMQ worker per pool, the runner, the relay and the repair. */
export async function startWorkers(options: WorkersOptions): Promise<Workers> {
  const { addresses, log, leaseMs } = options
  const db = openPool(addresses.databaseUrl, 12)
  const wake = await openWake(addresses.databaseUrl, log)
  const queues = await openQueues(addresses)
  const relay = startRelay({ db, queues, log })
  const onDispatched = () => relay.kick()
  const stopListening = wake.on('novacron_outbox', onDispatched)
  const repair = startRepair({
    db,
    queues,
    log,
    onDispatched,
    ...(options.repairEveryMs ? { everyMs: options.repairEveryMs } : {}),
    ...(options.patienceMs ? { patienceMs: options.patienceMs } : {}),
  })
  const runner = createRunner({ ...options, db, wake, onDispatched })
  const workers = options.pools.map((pool) => {
    const settings = {
      concurrency: options.concurrency,
      lockDuration: leaseMs,
      stalledInterval: Math.ceil(leaseMs / 2),
    }
    const worker = openWorker(pool, processorOf(runner, log), addresses, settings)
    worker.run().catch((error: unknown) => log.error({ err: error, pool }, 'the pool stopped'))
    return worker
  })

  return {
    async stop(graceMs) {
      await drain(workers, runner, graceMs)
      await repair.stop()
      await relay.stop()
      stopListening()
      runner.close()
      await queues.close()
      await wake.close()
      await db.end()
    },
  }
}

/** Hands a BullMQ job to the runner. What PostgreSQL cannot be asked about, or another worker still holds, comes back later. */
function processorOf(runner: Runner, log: Logger) {
  return async (job: Job<Dispatch>, token?: string): Promise<string> => {
    let againAtMs: number
    try {
      const outcome = await runner.run(job.data)
      if (!(outcome instanceof Date)) return outcome
      againAtMs = outcome.getTime() + 200
    } catch (error) {
      log.warn(
        { err: error, job: job.data.jobId },
        'the database did not answer; the step is dispatched again',
      )
      againAtMs = Date.now() + 1_000
    }
    await job.moveToDelayed(Math.max(againAtMs, Date.now() + 50), token)
    throw new DelayedError()
  }
}

async function drain(workers: Worker<Dispatch>[], runner: Runner, graceMs: number): Promise<void> {
  const closing = Promise.all(workers.map((worker) => worker.close()))
  const done = await Promise.race([closing.then(() => true), sleep(graceMs, false, { ref: false })])
  if (done) return
  runner.handBack()
  const handedBack = await Promise.race([closing.then(() => true), sleep(handBackMs, false, { ref: false })])
  if (!handedBack) await Promise.all(workers.map((worker) => worker.close(true)))
}

/** Enough for a step to see its signal and for one transaction. A step that is deaf to it is taken over when its lease ends. */
const handBackMs = 5_000
