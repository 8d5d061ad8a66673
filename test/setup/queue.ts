import { inject } from 'vitest'

/**
 * The Redis of this test run, shared by all tests: keep to a queue prefix of your own and never flush it (`openLocalRedis` of
 * `#shared/jobs/redis.ts` gives one to break). Undefined where the machine has none: the queues are then in PostgreSQL.
 */
export function testRedisUrl(): string | undefined {
  return inject('redisUrl') || undefined
}
