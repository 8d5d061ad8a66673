import {
  createPostgresBackend,
  createRedisBackend,
  Queue,
  runMigrations,
  Worker,
  type ConnectionOptions,
  type Processor,
  type WorkerOptions,
} from 'bullmq'
import { Redis } from 'ioredis'
import { Client } from 'pg'
import { pools, type Direction, type Pool } from '#shared/jobs/types.ts'

/** What travels through a queue: names a step, carries nothing else. Credentials and inputs never leave the database. */
export interface Dispatch {
  jobId: string
  direction: Direction
  position: number
  epoch: number
}

/** The id of a dispatch's BullMQ job. The same dispatch always has the same, so adding it twice adds it once. */
export const dispatchId = ({ jobId, direction, position, epoch }: Dispatch): string =>
  `${jobId}.${direction}.${position}.${epoch}`

export interface QueueAddresses {
  databaseUrl: string
  /** Undefined: the queues live in PostgreSQL. */
  redisUrl: string | undefined
  /** Key prefix of every queue (Redis only). */
  prefix: string
}

export interface Queues {
  readonly backend: 'redis' | 'postgres'
  of(pool: Pool): Queue<Dispatch>
  readonly all: Queue<Dispatch>[]
  /** Do the queues still have the mark that `imprint` left? False after a flush or a loss of Redis. */
  remembers(): Promise<boolean>
  imprint(): Promise<void>
  close(): Promise<void>
}

/** Opens the queues of all pools, for adding and looking. */
export async function openQueues(addresses: QueueAddresses): Promise<Queues> {
  if (!addresses.redisUrl) await prepareDatabase(addresses.databaseUrl)
  const byPool = new Map(pools.map((pool) => [pool, openQueue(pool, addresses)]))
  const all = [...byPool.values()]
  const memory = memoryOf(addresses)
  return {
    backend: addresses.redisUrl ? 'redis' : 'postgres',
    of(pool) {
      const queue = byPool.get(pool)
      if (!queue) throw new Error(`There is no pool called "${pool}".`)
      return queue
    },
    all,
    ...memory,
    close: async () => {
      await memory.close()
      await Promise.allSettled(all.map((queue) => queue.close()))
    },
  }
}

/** Opens a worker on a pool's queue. It does not run until `run()` is called. */
export function openWorker(
  pool: Pool,
  processor: Processor<Dispatch>,
  addresses: QueueAddresses,
  options: Pick<WorkerOptions, 'concurrency' | 'lockDuration' | 'stalledInterval'>,
): Worker<Dispatch> {
  // A step's fate is decided in PostgreSQL, so a stall is never held against the BullMQ job.
  const common = { ...options, autorun: false, maxStalledCount: 1_000 }
  const { connection, backend } = reach(addresses, true)
  const worker = new Worker<Dispatch>(
    pool,
    processor,
    { ...common, connection, prefix: addresses.prefix },
    backend,
  )
  worker.on('error', () => {})
  return worker
}

function openQueue(pool: Pool, addresses: QueueAddresses): Queue<Dispatch> {
  const { connection, backend } = reach(addresses, false)
  const queue = new Queue<Dispatch>(
    pool,
    { connection, prefix: addresses.prefix, defaultJobOptions },
    backend,
  )
  queue.on('error', () => {})
  return queue
}

/**
 * Finished entries stay a while: the board shows them, and as long as an entry stays its id is taken, which makes a second
 * dispatch of the same epoch a no-op.
 */
const defaultJobOptions = {
  attempts: 1,
  removeOnComplete: { age: 3_600, count: 10_000 },
  removeOnFail: { age: 24 * 3_600, count: 10_000 },
}

/** Where BullMQ keeps its queues. A blocking connection waits for a server that is away, any other fails fast. */
function reach({ redisUrl, databaseUrl }: QueueAddresses, blocking: boolean) {
  if (redisUrl) {
    const connection = {
      url: redisUrl,
      maxRetriesPerRequest: blocking ? null : 1,
      enableOfflineQueue: blocking,
    }
    return { connection, backend: createRedisBackend }
  }
  // BullMQ's classes are typed by their backend; the code here is the same on both, so both go by the name of the first.
  return {
    connection: { connectionString: databaseUrl, max: 8, schema: 'bullmq' } as ConnectionOptions,
    backend: createPostgresBackend as unknown as typeof createRedisBackend,
  }
}

/** A key that lives exactly as long as the queues' contents do. In PostgreSQL they live with everything else. */
function memoryOf({ redisUrl, prefix }: QueueAddresses) {
  if (!redisUrl) return { remembers: async () => true, imprint: async () => {}, close: async () => {} }
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: 1, lazyConnect: true })
  redis.on('error', () => {})
  const key = `${prefix}:memory`
  return {
    remembers: async () => (await redis.exists(key)) === 1,
    imprint: async () => void (await redis.set(key, new Date().toISOString())),
    close: async () => redis.disconnect(),
  }
}

async function prepareDatabase(url: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await runMigrations(client)
  } finally {
    await client.end()
  }
}
