import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'vitest'
import { newId } from '#shared/ids.ts'
import { localKeyring } from '#shared/secrets/keyring.ts'
import { startAws } from '#test/clouds/aws/server.ts'
import { startAzure } from '#test/clouds/azure/server.ts'
import type { Fault, StartedCloud } from '#test/clouds/core/types.ts'
import { startGcp } from '#test/clouds/gcp/server.ts'
import { createHarness, type Harness } from '#test/shared/jobs/harness.ts'
import { register, registrationOf } from '#test/workers/registration.ts'
import { provisioningChains } from '#workers/provisioning/chains.ts'

const clouds: Record<
  'aws' | 'azure' | 'gcp',
  { start: (dir: string) => Promise<StartedCloud>; region: string; create: string; throttled: Partial<Fault> }
> = {
  aws: {
    start: (dir) => startAws({ dir, boot: false, delaysMs: { pending: 20, visible: 20 } }),
    region: 'us-east-1',
    create: 'RunInstances',
    throttled: { code: 'RequestLimitExceeded', status: 503 },
  },
  azure: {
    start: (dir) => startAzure({ dir, boot: false, delaysMs: { vmCreate: 20 } }),
    region: 'eastus',
    create: 'VirtualMachines_CreateOrUpdate',
    throttled: { code: 'TooManyRequests', status: 429 },
  },
  gcp: {
    start: (dir) => startGcp({ dir, boot: false, delaysMs: { vm: 20 } }),
    region: 'us-central1',
    create: 'compute.instances.insert',
    throttled: { code: 'rateLimitExceeded', status: 429 },
  },
}

/** A cloud of these types that throttles now and then. */
export function throttled(types: readonly (keyof typeof clouds)[]): void {
  test.concurrent.for(types)(
    'a throttling %s never fails a job: each try that was throttled is made again, and none counts',
    { timeout: 60_000 },
    async (type, { onTestFinished, expect }) => {
      const { harness, cloud, region } = await startWorld(type, onTestFinished)
      for (const operation of ['*', clouds[type].create]) {
        cloud.inject({ operation, mode: 'error', retryAfterSeconds: 0, ...clouds[type].throttled })
      }
      // Paced after a refusal, on a busy machine: patience costs nothing where all is well.
      const job = await harness.finished(await submitCreation(harness, region), 55_000)
      expect(job).toMatchObject({ state: 'succeeded', residue: [] })
      const retries = (await harness.events(job.id)).filter(({ type: what }) => what === 'step.retrying')
      expect(retries.length).toBeGreaterThan(0)
      for (const { data } of retries) expect(data).toMatchObject({ problem: { code: 'throttled' } })
      const { rows } = await harness.db.query('select attempts from job_steps where job_id = $1', [job.id])
      expect(rows).toEqual(rows.map(() => ({ attempts: 0 })))
      const machines = cloud
        .residue()
        .filter(({ tags, kind }) => tags['novacron-job'] === job.id && /vm|instance/i.test(kind))
      expect(machines).toHaveLength(1)
    },
  )
}

/** A worker, and a cloud that it has no patience with: whatever is throttled goes back to the queue. */
async function startWorld(type: keyof typeof clouds, atEnd: (clean: () => Promise<void>) => void) {
  const dir = await mkdtemp(join(tmpdir(), 'novacron-throttling-'))
  const keyring = localKeyring([randomBytes(32)])
  const { start, region } = clouds[type]
  const cloud = await start(dir)
  const harness = await createHarness(provisioningChains, 'postgres', { keyring })
  atEnd(async () => {
    await harness.close()
    await cloud.close()
    await rm(dir, { recursive: true, force: true })
  })
  const registration = registrationOf(cloud, 'cloud-1', type, 300)
  const options = { ...registration.options, throttle_wait_ms: 0 }
  await register(harness.db, keyring, { ...registration, options })
  await harness.start()
  return { harness, cloud, region }
}

function submitCreation(harness: Harness, region: string): Promise<string> {
  const vmId = newId('vm')
  const common = { provider_id: 'cloud-1', name: 'web-1', region, tags: {} }
  const row = { ...common, id: vmId, tenant_id: 'acme', state: 'pending', observed: {} }
  const input = { ...common, vm_id: vmId, instance_type: 'medium' }
  return harness.submit('vm.create', { subject: vmId, input }, { vms: [row] })
}
