import { pino } from 'pino'
import { expect, test } from 'vitest'
import { createProviders } from '#shared/clouds/providers.ts'
import { newId } from '#shared/ids.ts'
import { openHarness, type Client, type Harness, type Json } from '#test/api/harness.ts'
import { onQemu, type Opened } from '#test/shared/clouds/onprem/on-qemu.ts'
import { startWorkers } from '#workers/process.ts'
import { provisioningChains } from '#workers/provisioning/chains.ts'
import { upkeepChains } from '#workers/upkeep/chains.ts'

const wait = { prefer: 'wait=60' }

onQemu('hosts by REST, with real workers', (subject) => {
  test('a VM is relocated while it runs, its host is drained and opened again, and the books follow', async () => {
    const world = await openWorld(subject)
    try {
      const { client } = world
      const [first, second] = [await world.createVm('one', 'alpha'), await world.createVm('two', 'alpha')]
      const relocated = await client.post(
        `/vms/${first}/relocate`,
        { availability_zone: 'beta', max_downtime: '1s' },
        wait,
      )
      expect(relocated.body).toMatchObject({
        job: { state: 'succeeded', output: { relocation: { zone: 'beta', live: true } } },
        vm: { availability_zone: 'beta', state: 'running' },
      })

      const drained = await client.post('/providers/home/hosts/alpha/drain?max_downtime=1s', undefined, wait)
      expect(drained.body).toMatchObject({
        job: { state: 'succeeded', output: { moved: [{ name: 'two', to: 'beta', live: true }] } },
      })
      expect((await client.get(`/vms/${second}`)).body).toMatchObject({ availability_zone: 'beta' })
      expect(await world.hosts()).toMatchObject({
        alpha: { state: 'maintenance', vms: 0 },
        beta: { state: 'ready', vms: 2 },
      })

      // Now there is nowhere to go: the drain fails, names who is stuck, and opens the host again.
      const stuck = await client.post('/providers/home/hosts/beta/drain', undefined, wait)
      expect(stuck.body).toMatchObject({ job: { state: 'failed', problem: { code: 'host_not_empty' } } })
      expect(stuck.text).toContain('two')
      expect((await client.post('/providers/home/hosts/alpha/open', undefined, wait)).body).toMatchObject({
        job: { state: 'succeeded' },
      })
      expect(await world.hosts()).toMatchObject({
        alpha: { state: 'ready', vms: 0 },
        beta: { state: 'ready', vms: 2 },
      })
    } finally {
      await world.close()
    }
  })
})

async function openWorld(subject: Opened) {
  const api: Harness = await openHarness({ ALLOW_PRIVATE_NETWORKS: true, ALLOW_LOCAL_HYPERVISORS: true })
  const providers = createProviders(api.pool, api.deps.keyring, newId('wrk'))
  const workers = await startWorkers({
    addresses: api.addresses,
    pools: ['provisioning', 'upkeep'],
    chains: [...provisioningChains, ...upkeepChains],
    concurrency: 10,
    leaseMs: 30_000,
    workerId: newId('wrk'),
    openProvider: providers.open,
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
      await providers.close()
      await api.close()
    },
  }
}
