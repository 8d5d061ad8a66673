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
 * @throws Error for a Redis that does not answer or may evict jobs, with the remedy.
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
  let trouble: Error | undefined
  redis.on('error', (error) => (trouble = error))
  try {
    await assertNoEviction(redis)
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'MaxRetriesPerRequestError') throw error
    throw new Error(
      `The Redis at ${new URL(service.url).host} does not answer (${trouble?.message ?? error.message}). ` +
        'Start it or correct REDIS_URL; unset, a Redis found on PATH is started, else the queues live in PostgreSQL.',
      { cause: error },
    )
  } finally {
    redis.disconnect()
  }
  return { addresses, note: service.note, release: service.release }
}
