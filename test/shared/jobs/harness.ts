import { pino } from 'pino'
import type { Pool as PgPool } from 'pg'
import { openPool } from '#db/pool.ts'
import { createProviders } from '#shared/clouds/providers.ts'
import { newId } from '#shared/ids.ts'
import { defineChain, type Chain, type Step } from '#shared/jobs/chain.ts'
import { registerOutline } from '#shared/jobs/outlines.ts'
import { submitJob, type NewJob, type SubmitExtras } from '#shared/jobs/submit.ts'
import { isFinished, type JobState, type Pool, type Problem, type Residue } from '#shared/jobs/types.ts'
import { openWake, type Wake } from '#shared/jobs/wake.ts'
import type { Keyring } from '#shared/secrets/keyring.ts'
import { createTestDatabase } from '#test/setup/database.ts'
import { testRedisUrl } from '#test/setup/queue.ts'
import { startWorkers, type Workers } from '#workers/process.ts'

export interface FinishedJob {
  id: string
  state: JobState
  vars: Record<string, unknown>
  output: Record<string, unknown> | null
  problem: Problem | null
  residue: Residue[]
  progress: number
}

export interface Harness {
  db: PgPool
  wake: Wake
  /** Starts one more set of workers, as another process would. */
  start(options?: { workerId?: string; leaseMs?: number; patienceMs?: number }): Promise<Workers>
  submit(kind: string, job?: Partial<NewJob>, extras?: SubmitExtras): Promise<string>
  finished(jobId: string, timeoutMs?: number): Promise<FinishedJob>
  events(jobId: string): Promise<{ seq: number; type: string; data: Record<string, unknown> }[]>
  close(): Promise<void>
}

export interface HarnessOptions {
  /** Pools that the workers serve; `provisioning` by default. */
  pools?: readonly Pool[]
  /** Opens the credentials of providers registered in the database; without it a test has no provider. */
  keyring?: Keyring
}

/** A real database, real queues and real workers around chains of the test's own. */
export async function createHarness(
  chains: readonly Chain[],
  backend: 'redis' | 'postgres' = 'postgres',
  { pools = ['provisioning'], keyring }: HarnessOptions = {},
): Promise<Harness> {
  const database = await createTestDatabase()
  const db = openPool(database.url, 5)
  const wake = await openWake(database.url)
  const started: Workers[] = []
  const providers = keyring && createProviders(db, keyring, newId('wrk'))
  const addresses = {
    databaseUrl: database.url,
    redisUrl: backend === 'redis' ? testRedisUrl() : undefined,
    prefix: newId('req'),
  }
  return {
    db,
    wake,
    async start({ workerId = newId('wrk'), leaseMs = 3_000, patienceMs = 2_000 } = {}) {
      const workers = await startWorkers({
        addresses,
        pools,
        chains,
        concurrency: 10,
        leaseMs,
        workerId,
        openProvider: providers?.open ?? (() => Promise.reject(new Error('this test has no provider'))),
        log: pino({ level: process.env['LOG_LEVEL'] ?? 'silent' }),
        repairEveryMs: 200,
        patienceMs,
      })
      const stop = once(workers.stop)
      started.push({ stop })
      return { stop }
    },
    async submit(kind, job = {}, extras = {}) {
      const { jobId } = await submitJob(db, { tenantId: 'acme', kind, input: {}, ...job }, extras)
      wake.notify('novacron_outbox', '')
      return jobId
    },
    async finished(jobId, timeoutMs = 20_000) {
      const until = Date.now() + timeoutMs
      for (;;) {
        const { rows } = await db.query<FinishedJob>(
          'select id, state, vars, output, problem, residue, progress from jobs where id = $1',
          [jobId],
        )
        const [job] = rows
        if (job && isFinished(job.state)) return job
        if (Date.now() > until) throw new Error(`job ${jobId} is still ${job?.state} after ${timeoutMs} ms`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    async events(jobId) {
      const { rows } = await db.query<{ seq: number; type: string; data: Record<string, unknown> }>(
        'select seq::int, type, data from job_events where job_id = $1 order by seq',
        [jobId],
      )
      return rows
    },
    async close() {
      await Promise.all(started.map((workers) => workers.stop(1_000)))
      await providers?.close()
      await wake.close()
      await db.end()
      await database.drop()
    },
  }
}

/** A test may stop its workers before the harness does. */
function once(stop: Workers['stop']): Workers['stop'] {
  let stopped: Promise<void> | undefined
  return (graceMs) => (stopped ??= stop(graceMs))
}

/** Defines a chain for a test, with equal weights. */
export function testChain(
  kind: string,
  steps: readonly Step[],
  options: { commitStep?: string } = {},
): Chain {
  registerOutline(kind, {
    version: 1,
    pool: 'provisioning',
    steps: steps.map(({ name }) => ({ name, weight: 1 })),
    ...options,
  })
  return defineChain(kind, steps)
}
