import { rmSync } from 'node:fs'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '#shared/ids.ts'
import { openLocalRedis } from '#shared/jobs/redis.ts'
import { findRedisProgram } from '#shared/services/local-redis.ts'
import type { Share } from '#shared/services/shared-server.ts'
import type { Pair } from '#test/crash/pair.ts'
import { strayCalls } from '#test/crash/strays.ts'
import { countChunkWrites, effects, midCopy, slowCopyDown } from '#test/crash/watch.ts'
import { calmLeaseMs, openWorld, type World } from '#test/crash/world.ts'
import { newFolder } from '#test/setup/folder.ts'
import { startWorkers } from '#workers/process.ts'

const chunks = 24

describe.skipIf(!(await findRedisProgram()))('with a Redis of its own', () => {
  const folder = newFolder()
  let world: World
  let share: Share
  let redis: Redis
  /** What a migration that nothing disturbs does to the clouds. */
  let undisturbed: Record<string, number>
  beforeAll(async () => {
    share = await openLocalRedis(folder)
    redis = new Redis(share.url)
    redis.on('error', () => {})
    world = await openWorld({ redisUrl: share.url, leaseMs: calmLeaseMs })
    const [pair] = await Promise.all([openPair(), world.keepAlive(1)])
    await world.finished(await pair.migrate())
    undisturbed = effects(pair)
  })
  afterAll(async () => {
    await world?.close()
    redis?.disconnect()
    await share?.release()
    rmSync(folder, { recursive: true, force: true })
  })

  const openPair = () => world.openPair({ from: 'aws', to: 'azure', chunks })

  async function expectUndisturbed(pair: Pair, jobId: string) {
    expect(await world.finished(jobId)).toMatchObject({ state: 'succeeded', residue: [] })
    expect(await pair.destinationIsIdentical()).toBe(true)
    expect(effects(pair)).toEqual(undisturbed)
    expect(countChunkWrites(pair)).toBe(chunks)
    expect(strayCalls(pair, await world.events(jobId), world.workers)).toEqual([])
  }

  test('losing all that Redis held, in mid-copy and between steps, loses no migration and repeats no effect', async () => {
    const pair = await openPair()
    slowCopyDown(pair)
    const jobId = newId('job')
    const gate = await world.hold(jobId, 'do', 'verify')
    await pair.migrate({}, jobId)
    await midCopy(world, jobId, 8)
    await redis.flushall()
    pair.clearFaults()
    await world.until('the copy to be done', () => gate.reached())
    await redis.flushall()
    await gate.open()
    await expectUndisturbed(pair, jobId)
  })

  test('a dispatch that Redis lost before any worker took it is made again', async () => {
    const pair = await openPair()
    await Promise.all(world.workers.map((worker) => worker.kill()))
    const jobId = await pair.migrate()
    // Nothing but a relay runs: it hands the dispatch over to Redis, which then forgets it.
    const relayOnly = await startWorkers({
      addresses: world.addresses,
      pools: [],
      chains: [],
      concurrency: 1,
      leaseMs: 1_500,
      workerId: 'relay-only',
      openProvider: () => Promise.reject(new Error('this process runs no steps')),
      log: pino({ level: 'silent' }),
    })
    await world.until('the dispatch to be in Redis', async () => {
      const { rows } = await world.db.query('select 1 from outbox where job_id = $1', [jobId])
      return rows.length === 0
    })
    await relayOnly.stop(0)
    await redis.flushall()
    await world.keepAlive(1)
    await expectUndisturbed(pair, jobId)
  })

  test('a Redis killed in mid-copy and started again loses no migration and repeats no effect', async () => {
    const pair = await openPair()
    slowCopyDown(pair)
    const jobId = await pair.migrate()
    await midCopy(world, jobId, 8)
    process.kill(share.pid(), 'SIGKILL')
    pair.clearFaults()
    await expectUndisturbed(pair, jobId)
  })
})
