import { Redis } from 'ioredis'
import type { Config } from '#shared/config.ts'
import type { QueueAddresses } from '#shared/jobs/queues.ts'
import { assertNoEviction, resolveRedis } from '#shared/jobs/redis.ts'

export interface QueueService {
  addresses: QueueAddresses
  /** One line for the log: where the queues live. */
  note: string
  release(): Promise<void>
}

/**
 * The queue ladder: REDIS_URL, else a Redis or Valkey found on PATH, else PostgreSQL.
 * @throws Error for a Redis that may evict jobs, with the remedy.
 */
export async function resolveQueues(
  config: Pick<Config, 'REDIS_URL' | 'QUEUE_BACKEND' | 'QUEUE_PREFIX' | 'STATE_DIR'>,
  databaseUrl: string,
): Promise<QueueService> {
  const service = await resolveRedis(config)
  const addresses = { databaseUrl, redisUrl: service?.url, prefix: config.QUEUE_PREFIX }
  if (!service) {
    const note =
      'Queues: PostgreSQL (no Redis or Valkey here; `npm run setup -- --system` installs one, which is about ten times faster)'
    return { addresses, note, release: async () => {} }
  }
  const redis = new Redis(service.url, { maxRetriesPerRequest: 3 })
  redis.on('error', () => {})
  try {
    await assertNoEviction(redis)
  } finally {
    redis.disconnect()
  }
  return { addresses, note: service.note, release: service.release }
}
