import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ProviderHealth } from '#db/entities/provider.ts'
import { localKeyring } from '#shared/secrets/keyring.ts'
import { startAws } from '#test/clouds/aws/server.ts'
import { startAzure } from '#test/clouds/azure/server.ts'
import type { StartedCloud } from '#test/clouds/core/types.ts'
import { createHarness, type Harness } from '#test/shared/jobs/harness.ts'
import { register, registrationOf, type Registration } from '#test/workers/registration.ts'
import { upkeepChains } from '#workers/upkeep/chains.ts'

const keyring = localKeyring([randomBytes(32)])
const throttling = {
  aws: { operation: 'GetCallerIdentity', code: 'RequestLimitExceeded', status: 503, retryAfterSeconds: 60 },
  azure: { operation: 'Subscriptions_Get', code: 'TooManyRequests', status: 429, retryAfterSeconds: 60 },
}

describe.each(['aws', 'azure'] as const)('a check of a provider on %s', (type) => {
  let dir: string
  let cloud: StartedCloud
  let harness: Harness
  let registration: Registration
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'novacron-upkeep-'))
    cloud = await (type === 'aws' ? startAws : startAzure)({ dir, boot: false })
    harness = await createHarness(upkeepChains, 'postgres', { pools: ['upkeep'], keyring })
    registration = registrationOf(cloud, 'good', type, 100)
    await register(harness.db, keyring, registration)
    await harness.start()
  })
  beforeEach(() => cloud.clearFaults())
  afterAll(async () => {
    await harness.close()
    await cloud.close()
    await rm(dir, { recursive: true, force: true })
  })

  async function check(providerId: string) {
    const jobId = await harness.submit('provider.check', {
      subject: providerId,
      input: { provider_id: providerId },
    })
    const job = await harness.finished(jobId)
    const { rows } = await harness.db.query<{ health: ProviderHealth | null }>(
      'select health from cloud_providers where id = $1',
      [providerId],
    )
    return { job, health: rows[0]?.health }
  }

  test('finds it healthy, and keeps its account and how long it took to answer', async () => {
    const { job, health } = await check('good')
    expect(job).toMatchObject({ state: 'succeeded', output: { health } })
    expect(health).toMatchObject({
      status: 'healthy',
      account_id: type === 'aws' ? '123456789012' : cloud.credentials['subscription_id'],
      latency_ms: expect.any(Number) as unknown,
      checked_at: expect.any(String) as unknown,
    })
    expect(health).not.toHaveProperty('code')
  })

  test('finds it unhealthy when its credentials are not accepted, says why, and is itself no failure', async () => {
    const secret = type === 'aws' ? 'secret_access_key' : 'client_secret'
    const credentials = { ...registration.credentials, [secret]: 'wrong-secret-of-forty-characters-length-' }
    await register(harness.db, keyring, { ...registration, id: 'bad', credentials })
    const { job, health } = await check('bad')
    expect(job.state).toBe('succeeded')
    expect(health).toMatchObject({
      status: 'unhealthy',
      code: 'auth_failed',
      message: expect.any(String) as unknown,
    })
    expect(JSON.stringify(job)).not.toContain('wrong-secret')
  })

  test('finds it unhealthy when nobody answers at its address', async () => {
    const [first] = Object.keys(registration.endpoints ?? {})
    const name = type === 'aws' ? 'sts' : first
    const endpoints = { ...registration.endpoints, ...(name ? { [name]: 'https://127.0.0.1:9' } : {}) }
    await register(harness.db, keyring, { ...registration, id: 'away', endpoints })
    const { health } = await check('away')
    expect(health).toMatchObject({ status: 'unhealthy', code: 'network' })
  })

  test('finds it degraded when it throttles', async () => {
    cloud.inject({ mode: 'error', times: 10, ...throttling[type] })
    expect((await check('good')).health).toMatchObject({ status: 'degraded', code: 'throttled' })
  })

  test('finds it degraded when the account lacks a region that it was registered with', async () => {
    await register(harness.db, keyring, {
      ...registration,
      id: 'narrow',
      regions: ['us-east-1', 'eastus', 'moon-1'],
    })
    const { health } = await check('narrow')
    expect(health).toMatchObject({
      status: 'degraded',
      code: 'region_unavailable',
      message: expect.stringContaining('moon-1') as unknown,
      account_id: expect.any(String) as unknown,
    })
  })

  test('keeps no answer about a registration that has changed since', async () => {
    await register(harness.db, keyring, { ...registration, id: 'changing' })
    const operation = type === 'aws' ? 'DescribeRegions' : 'Subscriptions_ListLocations'
    cloud.inject({ operation, mode: 'delay', delayMs: 500 })
    cloud.clearCalls()
    const checking = check('changing')
    while (!cloud.calls().some((call) => call.operation === operation))
      await new Promise((resolve) => setTimeout(resolve, 10))
    await harness.db.query(`update cloud_providers set version = version + 1 where id = 'changing'`)
    expect((await checking).health).toBeNull()
  })

  test('of a provider that is not registered says so', async () => {
    const { job } = await check('unknown')
    expect(job).toMatchObject({
      state: 'succeeded',
      output: { health: { status: 'unhealthy', code: 'provider_unknown' } },
    })
  })
})
