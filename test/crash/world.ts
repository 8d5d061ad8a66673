import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Pool } from 'pg'
import { openPool } from '#db/pool.ts'
import { newId } from '#shared/ids.ts'
import { isFinished, type JobState, type Problem, type Residue } from '#shared/jobs/types.ts'
import { localKeyring } from '#shared/secrets/keyring.ts'
import { buildDisk } from '#test/crash/disk.ts'
import { openPair, tenantId, type Pair, type PairOptions } from '#test/crash/pair.ts'
import { startWorker, type WorkerProcess } from '#test/crash/worker.ts'
import { createTestDatabase } from '#test/setup/database.ts'
import { testRedisUrl } from '#test/setup/queue.ts'

export interface FinishedJob {
  state: JobState
  problem: Problem | null
  residue: Residue[]
  progress: number
  output: Record<string, unknown> | null
}

export interface JobEvent {
  seq: number
  type: string
  data: Record<string, unknown>
  at: Date
}

/** A database, queues, loopback clouds and worker processes, all of one test file. */
export interface World {
  db: Pool
  dir: string
  /** Two fresh clouds with a VM on the first whose disk has `chunks` chunks of data. */
  openPair(options: Pick<PairOptions, 'from' | 'to' | 'running'> & { chunks?: number }): Promise<Pair>
  startWorker(env?: Record<string, string>): Promise<WorkerProcess>
  /** Waits until the job has ended. */
  finished(jobId: string, timeoutMs?: number): Promise<FinishedJob>
  /** Waits until `look` gives something. */
  until<T>(what: string, look: () => Promise<T | undefined | false> | T | undefined | false): Promise<T>
  cancel(jobId: string): Promise<void>
  events(jobId: string): Promise<JobEvent[]>
  close(): Promise<void>
}

export interface WorldOptions {
  databaseUrl?: string
  redisUrl?: string
}

/** How long a worker in these tests holds a step without renewing. */
export const leaseMs = 1_500

export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const dir = await mkdtemp(join(tmpdir(), 'novacron-crash-'))
  const database = options.databaseUrl === undefined ? await createTestDatabase() : undefined
  const databaseUrl = options.databaseUrl ?? database?.url ?? ''
  const redisUrl = options.redisUrl ?? testRedisUrl()
  const key = randomBytes(32)
  const keyring = localKeyring([key])
  const db = openPool(databaseUrl, 5)
  const workers: WorkerProcess[] = []
  const pairs: Pair[] = []
  const env = {
    DATABASE_URL: databaseUrl,
    ...(redisUrl ? { REDIS_URL: redisUrl } : { QUEUE_BACKEND: 'postgres' }),
    QUEUE_PREFIX: newId('req'),
    STATE_DIR: join(dir, 'state'),
    SECRETS_KEY: key.toString('base64'),
    POOLS: 'migration',
    LEASE_MS: String(leaseMs),
    ALLOW_PRIVATE_NETWORKS: '1',
    LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'silent',
  }

  const until: World['until'] = async (what, look) => {
    const endMs = Date.now() + 30_000
    for (;;) {
      const found = await look()
      if (found !== undefined && found !== false) return found
      if (Date.now() > endMs) throw new Error(`waited 30 s for: ${what}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  return {
    db,
    dir,
    until,
    async openPair({ chunks = 6, ...rest }) {
      const name = newId('req')
      const imagePath = join(dir, `${name}.raw`)
      await buildDisk(imagePath, { chunks, unique: name })
      const pair = await openPair(db, keyring, { ...rest, dir: join(dir, name), imagePath })
      pairs.push(pair)
      return pair
    },
    async startWorker(more = {}) {
      const worker = await startWorker({ ...env, ...more })
      workers.push(worker)
      return worker
    },
    async finished(jobId, timeoutMs = 25_000) {
      const endMs = Date.now() + timeoutMs
      for (;;) {
        const { rows } = await db.query<FinishedJob>(
          'select state, problem, residue, progress, output from jobs where id = $1',
          [jobId],
        )
        const [job] = rows
        if (job && isFinished(job.state)) return job
        if (Date.now() > endMs)
          throw new Error(`after ${timeoutMs} ms ${jobId} is ${job?.state}:\n${await describe(db, jobId)}`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    async cancel(jobId) {
      const { requestCancel } = await import('#shared/jobs/control.ts')
      await requestCancel(db, tenantId, jobId, 'the test says so')
      await db.query(`select pg_notify('novacron_cancel', $1), pg_notify('novacron_outbox', '')`, [jobId])
    },
    async events(jobId) {
      const { rows } = await db.query<JobEvent>(
        'select seq::int, type, data, at from job_events where job_id = $1 order by seq',
        [jobId],
      )
      return rows
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.kill()))
      await Promise.all(pairs.map((pair) => pair.close()))
      await db.end()
      await database?.drop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function describe(db: Pool, jobId: string): Promise<string> {
  const { rows } = await db.query(
    `select direction, name, state, attempts, fence, epoch, problem ->> 'detail' as problem from job_steps
     where job_id = $1 order by created_at`,
    [jobId],
  )
  return rows.map((row) => JSON.stringify(row)).join('\n')
}
