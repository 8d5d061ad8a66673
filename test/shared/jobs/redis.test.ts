import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { assertNoEviction, openLocalRedis, resolveRedis } from '#shared/jobs/redis.ts'
import { findRedisProgram } from '#shared/services/local-redis.ts'
import { endProcess, isAlive, signal, waitForEnd } from '#shared/services/process.ts'
import { temporaryFolder } from '#test/setup/folder.ts'
import { startUser } from '#test/setup/user-process.ts'

const program = await findRedisProgram()
const openCode = `import { openLocalRedis } from '#shared/jobs/redis.ts'
  const share = await openLocalRedis(process.argv[1])`

async function openOwn(): Promise<{ redis: Redis; url: string; pid: () => number }> {
  const share = await openLocalRedis(temporaryFolder())
  const redis = connect(share.url)
  onTestFinished(share.release)
  return { redis, url: share.url, pid: share.pid }
}

function connect(url: string, maxRetriesPerRequest = 200): Redis {
  const redis = new Redis(url, { retryStrategy: () => 50, maxRetriesPerRequest })
  redis.on('error', () => {})
  onTestFinished(() => redis.disconnect())
  return redis
}

describe('with a Redis on PATH', () => {
  beforeEach((context) => context.skip(!program, 'neither redis-server nor valkey-server is on PATH'))

  test('the ladder starts it, says which it is, and stops it with its last user', async () => {
    const folder = temporaryFolder()
    const settings = { REDIS_URL: undefined, QUEUE_BACKEND: 'auto', STATE_DIR: folder } as const
    const [one, other] = await Promise.all([resolveRedis(settings), resolveRedis(settings)])
    if (!one || !other) throw new Error('No Redis was started.')
    expect(one.url).toBe(other.url)
    expect(one.note).toContain(`127.0.0.1:${new URL(one.url).port}`)
    await one.release()
    const redis = connect(other.url, 1)
    expect(await redis.ping()).toBe('PONG')
    await other.release()
    await expect(redis.ping()).rejects.toThrow('max retries')
  })

  test('it keeps every write on disk, evicts nothing, and answers nobody without its password', async () => {
    const { redis, url } = await openOwn()
    expect(await redis.config('GET', 'appendonly')).toEqual(['appendonly', 'yes'])
    expect(await redis.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction'])
    expect(await redis.config('GET', 'bind')).toEqual(['bind', '127.0.0.1'])
    const stranger = connect(url.replace(/default:.*@/, ''))
    await expect(stranger.ping()).rejects.toThrow('NOAUTH')
  })

  test('one whose user was killed is found again with all it holds', async () => {
    const folder = temporaryFolder()
    const user = await startUser(openCode, folder)
    await connect(user.said.url).set('kept', 'yes')
    await user.kill()
    const share = await openLocalRedis(folder)
    expect(share.pid()).toBe(user.said.pid)
    expect(await connect(share.url).get('kept')).toBe('yes')
    await share.release()
    expect(isAlive(user.said.pid)).toBe(false)
  })

  test('one that is killed under its users comes back at the same address with what was written to disk', async () => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const { redis, pid } = await openOwn()
    await redis.set('kept', 'yes')
    const first = pid()
    signal(first, 'SIGKILL')
    await waitForEnd(first, 5000)
    expect(await redis.get('kept')).toBe('yes')
    await vi.waitFor(() => expect(pid()).not.toBe(first), { timeout: 10_000 })
  })

  test('a stale pid file that names an unrelated process does not stand in the way', async () => {
    const folder = temporaryFolder()
    const user = await startUser(openCode, folder)
    await user.kill()
    await endProcess(user.said.pid, ['SIGKILL'], 5000)
    writeFileSync(join(folder, 'redis.pid'), String(process.pid))
    const share = await openLocalRedis(folder)
    onTestFinished(share.release)
    expect(share.pid()).not.toBe(process.pid)
    expect(await connect(share.url).ping()).toBe('PONG')
  })

  test('a Redis that may evict keys is refused, with the remedy', async () => {
    const { redis } = await openOwn()
    await assertNoEviction(redis)
    for (const policy of ['allkeys-lru', 'volatile-ttl']) {
      await redis.config('SET', 'maxmemory-policy', policy)
      await expect(assertNoEviction(redis)).rejects.toThrow(
        new RegExp(`maxmemory-policy ${policy}.*config set maxmemory-policy noeviction`),
      )
    }
  })

  test('a Redis that does not let its settings be read is taken at its word', async () => {
    const { redis, url } = await openOwn()
    await redis.acl('SETUSER', 'guest', 'on', '>guest', '+@all', '-config')
    const guest = connect(url.replace(/default:.*@/, 'guest:guest@'))
    await expect(guest.config('GET', 'maxmemory-policy')).rejects.toThrow('NOPERM')
    await assertNoEviction(guest)
  })
})

test('REDIS_URL comes first, and no note shows its password', async () => {
  const given = await resolveRedis({
    REDIS_URL: 'redis://default:secret@redis.example:6379',
    QUEUE_BACKEND: 'auto',
    STATE_DIR: temporaryFolder(),
  })
  expect(given?.url).toBe('redis://default:secret@redis.example:6379')
  expect(given?.note).toContain('redis.example:6379')
  expect(given?.note).not.toContain('secret')
})

test('QUEUE_BACKEND=postgres uses no Redis even where there is one', async () => {
  const settings = {
    REDIS_URL: 'redis://redis.example',
    QUEUE_BACKEND: 'postgres',
    STATE_DIR: temporaryFolder(),
  } as const
  expect(await resolveRedis(settings)).toBeUndefined()
})

test('without a Redis on PATH the queues go elsewhere, unless QUEUE_BACKEND=redis demands one: then the remedy is told', async () => {
  vi.stubEnv('PATH', temporaryFolder())
  onTestFinished(() => void vi.unstubAllEnvs())
  const settings = { REDIS_URL: undefined, STATE_DIR: temporaryFolder() }
  expect(await resolveRedis({ ...settings, QUEUE_BACKEND: 'auto' })).toBeUndefined()
  await expect(resolveRedis({ ...settings, QUEUE_BACKEND: 'redis' })).rejects.toThrow(
    'npm run setup -- --system',
  )
})
