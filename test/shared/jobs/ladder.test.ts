import { expect, test } from 'vitest'
import { resolveQueues } from '#shared/jobs/ladder.ts'
import { freePort } from '#shared/services/process.ts'

test('a Redis that does not answer is named, with what to do', async () => {
  const host = `127.0.0.1:${await freePort(0)}`
  const config = {
    REDIS_URL: `redis://:sEcReT@${host}`,
    QUEUE_BACKEND: 'auto',
    QUEUE_PREFIX: 'p',
    STATE_DIR: '.',
  } as const
  const failure: unknown = await resolveQueues(config, '').catch((error: unknown) => error)
  expect(String(failure)).toMatch(`The Redis at ${host} does not answer (connect ECONNREFUSED`)
  expect(String(failure)).toMatch('correct REDIS_URL')
  expect(String(failure)).not.toContain('sEcReT')
})
