import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from 'pg'
import { pino } from 'pino'
import { openPool } from '#db/pool.ts'
import { defineChain, stepsOf } from '#shared/jobs/chain.ts'
import { registerOutline } from '#shared/jobs/outlines.ts'
import { openQueues, openWorker, type Dispatch, type QueueAddresses } from '#shared/jobs/queues.ts'
import { submitJob } from '#shared/jobs/submit.ts'
import { startWorkers } from '#workers/process.ts'
import { openServices } from '#test/bench/lib/services.ts'

const stepsPerJob = 10
const jobCount = 400
const concurrency = 50

/**
 * Durable chained steps per second, beside raw BullMQ whose processor adds the next job. Ours commits every step, its event and the next
 * dispatch to PostgreSQL; the raw chain keeps nothing but the queue.
 */
export async function run() {
  const services = await openServices('chain')
  try {
    const rounds: { ours: number; raw: number }[] = []
    for (let round = 0; round < 3; round += 1) {
      const raw = await rawChain(services.addresses)
      const ours = await durableChain(services.addresses)
      rounds.push({ ours, raw })
    }
    const [middle] = rounds.toSorted((a, b) => a.ours / a.raw - b.ours / b.raw).slice(1)
    if (!middle) throw new Error('no round was measured')
    return {
      name: 'chain',
      value: Math.round(middle.ours),
      unit: 'steps/s',
      ratio: Number((middle.ours / middle.raw).toFixed(3)),
      against: `raw BullMQ on ${services.backend}, processor adds the next job: ${Math.round(middle.raw)} steps/s`,
    }
  } finally {
    await services.close()
  }
}

async function durableChain(addresses: QueueAddresses): Promise<number> {
  const kind = 'bench.chain'
  const names = Array.from({ length: stepsPerJob }, (_, nr) => `step${nr}`)
  registerOutline(kind, {
    version: 1,
    pool: 'provisioning',
    steps: names.map((name) => ({ name, weight: 1 })),
  })
  const step = stepsOf<Record<string, unknown>, Record<string, unknown>>()
  const chain = defineChain(
    kind,
    names.map((name) => step(name, { effect: 'none', run: async () => {} })),
  )
  const db = openPool(addresses.databaseUrl, 5)
  for (let nr = 0; nr < jobCount; nr += 1)
    await submitJob(db, { tenantId: 'bench', kind, input: {}, internal: true })
  const startedAtMs = performance.now()
  const workers = await startWorkers({
    addresses,
    pools: ['provisioning'],
    chains: [chain],
    concurrency,
    leaseMs: 15_000,
    workerId: 'bench',
    openProvider: () => Promise.reject(new Error('the benchmark has no provider')),
    log: pino({ level: 'silent' }),
  })
  while ((await unfinishedJobs(db)) > 0) await sleep(50)
  const elapsedMs = performance.now() - startedAtMs
  await workers.stop(5_000)
  await db.query('truncate jobs, outbox cascade')
  await db.end()
  return (jobCount * stepsPerJob * 1_000) / elapsedMs
}

async function rawChain(addresses: QueueAddresses): Promise<number> {
  const queues = await openQueues(addresses)
  const queue = queues.of('upkeep')
  let left = jobCount
  let done = () => {}
  const finished = new Promise<void>((resolve) => (done = resolve))
  const data = (job: string, position: number): Dispatch => ({
    jobId: job,
    direction: 'do',
    position,
    epoch: 1,
  })
  const worker = openWorker(
    'upkeep',
    async ({ data: { jobId, position } }) => {
      if (position + 1 < stepsPerJob)
        await queue.add('step', data(jobId, position + 1), { jobId: `${jobId}-${position + 1}` })
      else if (--left === 0) done()
    },
    addresses,
    { concurrency, lockDuration: 15_000, stalledInterval: 7_500 },
  )
  const round = `${Date.now()}`
  await queue.addBulk(
    Array.from({ length: jobCount }, (_, nr) => ({
      name: 'step',
      data: data(`${round}-${nr}`, 0),
      opts: { jobId: `${round}-${nr}-0` },
    })),
  )
  const startedAtMs = performance.now()
  void worker.run()
  await finished
  const elapsedMs = performance.now() - startedAtMs
  await worker.close()
  await queue.obliterate({ force: true })
  await queues.close()
  return (jobCount * stepsPerJob * 1_000) / elapsedMs
}

async function unfinishedJobs(db: Pool): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    `select count(*)::int as count from jobs where state in ('queued', 'running')`,
  )
  return rows[0]?.count ?? 0
}
