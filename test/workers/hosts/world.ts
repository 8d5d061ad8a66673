import { pino } from 'pino'
import { expect } from 'vitest'
import { newId } from '#shared/ids.ts'
import { openHarness, type Client, type Harness, type Json } from '#test/api/harness.ts'
import type { Opened } from '#test/shared/clouds/onprem/on-qemu.ts'
import { startWorkers } from '#workers/process.ts'
import { provisioningChains } from '#workers/provisioning/chains.ts'
import { upkeepChains } from '#workers/upkeep/chains.ts'

export const wait = { prefer: 'wait=60' }

/** The API and workers with the subject's hosts registered as `home`. Workers speak to them through the subject's tap, so that calls can be broken. */
export async function openWorld(subject: Opened) {
  const api: Harness = await openHarness({ ALLOW_PRIVATE_NETWORKS: true, ALLOW_LOCAL_HYPERVISORS: true })
  const workers = await startWorkers({
    addresses: api.addresses,
    pools: ['provisioning', 'upkeep'],
    chains: [...provisioningChains, ...upkeepChains],
    concurrency: 10,
    leaseMs: 30_000,
    workerId: newId('wrk'),
    openProvider: () => Promise.resolve(subject.cloud),
    log: pino({ level: process.env['LOG_LEVEL'] ?? 'silent' }),
    repairEveryMs: 200,
  })
  const client: Client = await api.as('acme', 'admin')
  const { credentials, options } = subject.settings
  const registered = await client.post(
    '/providers',
    { provider_id: 'home', type: 'on-premise', config: { credentials, options } },
    wait,
  )
  expect(registered.body).toMatchObject({ provider: { health: { status: 'healthy' } } })
  return {
    client,
    async createVm(name: string, zone: string): Promise<string> {
      const body = { name, instance_type: 'tiny', region: 'lab', availability_zone: zone }
      const { body: made, text } = await client.post('/vms', body, wait)
      const { id, state } = (made['vm'] ?? {}) as { id?: string; state?: string }
      if (state !== 'running' || id === undefined) throw new Error(text)
      return id
    },
    async hosts(): Promise<Record<string, Json>> {
      const { body } = await client.get('/providers/home/hosts?max_age=0s', wait)
      const hosts = body['hosts'] as unknown as (Json & { name: string })[]
      return Object.fromEntries(hosts.map((host) => [host.name, host]))
    },
    async close() {
      await workers.stop(1_000)
      await api.close()
    },
  }
}
