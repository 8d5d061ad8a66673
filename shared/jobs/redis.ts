import type { Redis } from 'ioredis'
import type { Config } from '#shared/config.ts'
import { findRedisProgram, localRedis } from '#shared/services/local-redis.ts'
import { shareServer, type Share } from '#shared/services/shared-server.ts'
import { stateFolder } from '#shared/services/state.ts'

export type RedisService = {
  url: string
  /** One line for the log: which Redis this is. */
  note: string
  /** Gives it up; a Redis that was started here stops with its last user. */
  release(): Promise<void>
}

/**
 * The Redis rungs of the queue ladder: REDIS_URL, else a Redis or Valkey found on PATH that all processes of this checkout share.
 * @returns undefined when the queues are to live in PostgreSQL.
 * @throws Error when QUEUE_BACKEND demands a Redis and there is none.
 */
export async function resolveRedis(
  config: Pick<Config, 'REDIS_URL' | 'QUEUE_BACKEND' | 'STATE_DIR'>,
): Promise<RedisService | undefined> {
  if (config.QUEUE_BACKEND === 'postgres') return undefined
  if (config.REDIS_URL) {
    const note = `Queues: Redis at ${new URL(config.REDIS_URL).host} (REDIS_URL)`
    return { url: config.REDIS_URL, note, release: () => Promise.resolve() }
  }
  const found = await findRedisProgram()
  if (!found) {
    if (config.QUEUE_BACKEND === 'auto') return undefined
    throw new Error(
      'QUEUE_BACKEND is redis, but REDIS_URL is not set and neither redis-server nor valkey-server (6.2 or newer) is on PATH. ' +
        'Set REDIS_URL, or install one with `npm run setup -- --system`, or set QUEUE_BACKEND=auto.',
    )
  }
  const share = await openLocalRedis(stateFolder(config, 'redis'))
  const { port } = new URL(share.url)
  const note = `Queues: ${found.name} ${found.version} on 127.0.0.1:${port}, started here (REDIS_URL is not set)`
  return { url: share.url, note, release: share.release }
}

/** Joins the Redis whose data and locks live in `folder`, starting the one on PATH if need be. */
export async function openLocalRedis(
  folder: string,
  options: { ephemeral?: boolean; restart?: boolean } = {},
): Promise<Share> {
  return await shareServer(localRedis(folder, options), { restart: options.restart ?? true })
}

/**
 * Refuses a Redis that may drop keys under memory pressure, since it would drop jobs. A hosted Redis that does not let its settings be
 * read is taken at its word.
 */
export async function assertNoEviction(redis: Redis): Promise<void> {
  const policy = await evictionPolicy(redis)
  if (policy === undefined || policy === 'noeviction') return
  throw new Error(
    `This Redis has maxmemory-policy ${policy}: when memory runs short it would silently drop queued jobs. ` +
      "Set it to noeviction (`redis-cli config set maxmemory-policy noeviction`, and in redis.conf or your provider's console so " +
      'that it stays), or point REDIS_URL at another Redis.',
  )
}

async function evictionPolicy(redis: Redis): Promise<string | undefined> {
  try {
    const answer = await redis.config('GET', 'maxmemory-policy')
    const policy: unknown = Array.isArray(answer) ? answer[1] : undefined
    return typeof policy === 'string' ? policy : undefined
  } catch (error) {
    // Hosted services forbid CONFIG: by ACL, by renaming it away, or by an error of their own.
    if (
      error instanceof Error &&
      /NOPERM|unknown command|not allowed|unsupported|disabled/i.test(error.message)
    )
      return undefined
    throw error
  }
}
