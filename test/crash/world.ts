import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Pool } from 'pg'
import { openPool } from '#db/pool.ts'
import { newId } from '#shared/ids.ts'
import { requestCancel } from '#shared/jobs/control.ts'
import type { QueueAddresses } from '#shared/jobs/queues.ts'
import { isFinished, type JobState, type Problem, type Residue } from '#shared/jobs/types.ts'
import { localKeyring } from '#shared/secrets/keyring.ts'
import { buildDisk } from '#test/crash/disk.ts'
import { openPair, tenantId, type Pair, type PairOptions } from '#test/crash/pair.ts'
import { auditedWrites, holdStep, installProbes, type AuditedWrite, type Gate } from '#test/crash/probes.ts'
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
  /** Where the workers' queues are. */
  addresses: QueueAddresses
  /** Two fresh clouds with a VM on the first whose disk has `chunks` chunks of data, as many as a copy to the second writes. */
  openPair(
    options: Pick<PairOptions, 'from' | 'to' | 'running' | 'vms' | 'via'> & { chunks?: number },
  ): Promise<Pair>
  startWorker(env?: Record<string, string>): Promise<WorkerProcess>
  /** All that were started, also those that are gone. */
  workers: readonly WorkerProcess[]
  /** Starts workers until so many are alive. */
  keepAlive(count: number): Promise<void>
  /** The worker that runs this step of the job now; waits for one. */
  holderOf(jobId: string, step: string): Promise<WorkerProcess>
  hold(jobId: string, direction: 'do' | 'undo', step: string): Promise<Gate>
  /** How many chunks of the job's copy are in its journal. */
  copiedChunks(jobId: string): Promise<number>
  /** Waits until the job has ended. */
  finished(jobId: string, timeoutMs?: number): Promise<FinishedJob>
  /** Waits until `look` gives something. */
  until<T>(what: string, look: () => Promise<T | undefined | false> | T | undefined | false): Promise<T>
  cancel(jobId: string): Promise<void>
  events(jobId: string): Promise<JobEvent[]>
  audit(): Promise<AuditedWrite[]>
  close(): Promise<void>
}

export interface WorldOptions {
  databaseUrl?: string
  redisUrl?: string
  /** How long a worker holds a step without renewing, in milliseconds: short, for tests in which workers die. */
  leaseMs?: number
}

/** Where no worker dies: long enough for a busy machine, on which one that lives renews late and its step is done twice. */
export const calmLeaseMs = 15_000

/** Far more than anything here takes on a machine that has nothing else to do. */
const waitMs = 100_000

/** Copies to Google Cloud make an object of each chunk, and their chunks are larger. */
const gcpChunkBytes = 4 * 2 ** 20

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
  const prefix = newId('req')
  const env = {
    DATABASE_URL: databaseUrl,
    ...(redisUrl ? { REDIS_URL: redisUrl } : { QUEUE_BACKEND: 'postgres' }),
    QUEUE_PREFIX: prefix,
    STATE_DIR: join(dir, 'state'),
    SECRETS_KEY: key.toString('base64'),
    POOLS: 'migration',
    LEASE_MS: String(options.leaseMs ?? 1_500),
    SHUTDOWN_GRACE_MS: '200',
    ALLOW_PRIVATE_NETWORKS: '1',
    LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'silent',
  }

  await installProbes(db)

  const until: World['until'] = async (what, look) => {
    const endMs = Date.now() + waitMs
    for (;;) {
      const found = await look()
      if (found !== undefined && found !== false) return found
      if (Date.now() > endMs) throw new Error(`waited ${waitMs / 1000} s for: ${what}`)
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }

  const start: World['startWorker'] = async (more = {}) => {
    const name = `worker-${workers.length + 1}`
    const worker = await startWorker({ ...env, PGAPPNAME: name, ...more }, name)
    workers.push(worker)
    return worker
  }

  return {
    db,
    dir,
    addresses: { databaseUrl, redisUrl, prefix },
    workers,
    until,
    startWorker: start,
    async keepAlive(count) {
      const missing = count - workers.filter(({ alive }) => alive).length
      for (let nr = 0; nr < missing; nr += 1) await start()
    },
    async openPair({ chunks = 6, ...rest }) {
      const name = newId('req')
      const imagePath = join(dir, `${name}.raw`)
      await buildDisk(imagePath, {
        chunks,
        unique: name,
        ...(rest.to === 'gcp' ? { strideBytes: gcpChunkBytes } : {}),
      })
      const pair = await openPair(db, keyring, { ...rest, dir: join(dir, name), imagePath })
      pairs.push(pair)
      return pair
    },
    holderOf: (jobId, step) =>
      until(`a worker to run ${step}`, async () => {
        const { rows } = await db.query<{ holder: string }>(
          `select holder from job_steps where job_id = $1 and name = $2 and state = 'running'`,
          [jobId, step],
        )
        return workers.find(({ id }) => id === rows[0]?.holder)
      }),
    hold: (jobId, direction, step) => holdStep(db, jobId, direction, step),
    async copiedChunks(jobId) {
      const { rows } = await db.query<{ count: number }>(
        `select count(*)::int as count from copied_chunks c join jobs j on j.vars -> 'transfers' ? c.transfer_id where j.id = $1`,
        [jobId],
      )
      return rows[0]?.count ?? 0
    },
    async finished(jobId, timeoutMs = waitMs) {
      const endMs = Date.now() + timeoutMs
      for (;;) {
        const job = await db
          .query<FinishedJob>('select state, problem, residue, progress, output from jobs where id = $1', [
            jobId,
          ])
          .then(
            ({ rows }) => rows[0],
            // A test may have taken the database away.
            () => undefined,
          )
        if (job && isFinished(job.state)) return job
        if (Date.now() > endMs)
          throw new Error(`after ${timeoutMs} ms ${jobId} is ${job?.state}:\n${await describe(db, jobId)}`)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    },
    async cancel(jobId) {
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
    audit: () => auditedWrites(db),
    async close() {
      await Promise.all(workers.map((worker) => worker.end()))
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
