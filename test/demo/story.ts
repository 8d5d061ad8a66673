import { setTimeout as sleep } from 'node:timers/promises'
import { openCloud } from '#shared/clouds/registry.ts'
import type { CloudType } from '#shared/clouds/port.ts'
import { outlines } from '#shared/jobs/outlines.ts'
import type { Client } from '#test/demo/client.ts'
import { good, note, say, stepBars, title } from '#test/demo/screen.ts'
import type { Stack } from '#test/demo/stack.ts'
import { findHypervisor } from '#test/clouds/core/hypervisor.ts'
import { readGuestConsole } from '#test/clouds/guest/console.ts'

interface Job {
  id: string
  state: string
  output: Record<string, unknown> | null
  problem: { detail: string; remedy?: string } | null
}

interface MigrationStatus {
  destination_vm_id: string
  metrics: {
    data_transferred?: number
    total_downtime_ms?: number
    disks?: {
      source: string
      destination: string
      source_digest: string
      destination_digest: string
      identical: boolean
    }[]
    boot_check?: { outcome: string; evidence: string }
  }
}

/**
 * The main job: one VM, moved from AWS to Azure, on to Google Cloud and home to hypervisors of one's own (where this machine has QEMU), each time
 * proved byte for byte and told to a webhook; at home it goes from one host to the other while it runs.
 */
export async function coldMigrationDemo(stack: Stack): Promise<void> {
  const { client, receiver } = stack
  const hypervisor = await findHypervisor()
  const noBoot = 'reason' in hypervisor ? hypervisor.reason : undefined

  const journey = 'reason' in stack.home ? abroad : [...abroad, home]

  title('Registering providers')
  for (const stop of [start, ...journey]) await register(stack, stop)
  if ('reason' in stack.home) note(`No hosts of one’s own: ${stack.home.reason}`)
  const hook = await client.send<{ secret: string }>('POST', '/api/multicloud/webhooks', {
    url: receiver.url,
    events: ['*'],
  })
  receiver.trust(hook.secret)
  good('A webhook for every finished job, its secret shown once')

  title(`Provisioning a VM on ${start.name}`)
  const created = await client.send<{ vm: { id: string }; job: Job; warnings: string[] }>(
    'POST',
    '/api/multicloud/vms',
    {
      name: 'production-web-server',
      instance_type: 'medium',
      region: start.region,
      preferred_provider: start.provider,
      tags: { environment: 'production', team: 'web-services' },
    },
  )
  for (const warning of created.warnings) note(warning)
  await follow(client, created.job.id, 'vm.create')
  let boots = noBoot === undefined ? await bootsOn(stack, start) : undefined

  let here = start
  let vmId = created.vm.id
  for (const next of journey) {
    const moved = await migrate(stack, { vmId, from: here, to: next, boots: noBoot === undefined })
    if (noBoot === undefined) {
      const counted = await bootsOn(stack, next)
      if (boots === undefined || counted !== boots + 1)
        throw new Error(`the boot counter went from ${boots} to ${counted}`)
      good(`It booted from the moved disk: boot ${boots} on ${here.name}, boot ${counted} on ${next.name}`)
      boots = counted
    } else note(`Boot check skipped: ${noBoot}`)
    const message = await receiver.wait(moved.jobId, 20_000)
    good(`Webhook "${message.type}" received, its signature verified`)
    here = next
    vmId = moved.vmId
  }
  if (here === home) await moveLive(stack, vmId)
}

/** A cloud on the VM's way. */
interface Stop {
  type: CloudType
  name: string
  provider: string
  region: string
}

const start: Stop = { type: 'aws', name: 'AWS', provider: 'aws-prod', region: 'us-east-1' }
const home: Stop = { type: 'on-premise', name: 'home', provider: 'home', region: 'basement' }
const abroad: readonly Stop[] = [
  { type: 'azure', name: 'Azure', provider: 'azure-prod', region: 'eastus' },
  { type: 'gcp', name: 'Google Cloud', provider: 'gcp-prod', region: 'us-central1' },
]

/** Moves the VM and shows the proof; gives its id in the cloud it has come to. */
async function migrate(
  { client }: Stack,
  { vmId, from, to, boots }: { vmId: string; from: Stop; to: Stop; boots: boolean },
): Promise<{ jobId: string; vmId: string }> {
  title(`Migrating it to ${to.name}`)
  const accepted = await client.send<{ migration: { migration_id: string }; job: Job; warnings: string[] }>(
    'POST',
    '/api/multicloud/migrations',
    {
      vm_id: vmId,
      source_provider_id: from.provider,
      destination_provider_id: to.provider,
      destination_region: to.region,
      delete_source: false,
      max_downtime: '5m',
      options: { boot_check: boots ? { expect: 'NOVACRON READY', timeout: '60s' } : { timeout: '1s' } },
    },
  )
  for (const warning of accepted.warnings) note(warning)
  await follow(client, accepted.job.id, 'migration.cold')
  const { metrics, destination_vm_id: movedId } = await client.send<MigrationStatus>(
    'GET',
    `/api/multicloud/migrations/${accepted.migration.migration_id}/status`,
  )
  for (const disk of metrics.disks ?? []) {
    if (!disk.identical) throw new Error(`disk ${disk.destination} is not identical`)
    good('bytes identical')
    say(`source       ${disk.source}  ${disk.source_digest}`)
    say(`destination  ${disk.destination}  ${disk.destination_digest}`)
  }
  say(
    `${Math.round((metrics.data_transferred ?? 0) / 1024 ** 2)} MiB copied; the VM was down for ${((metrics.total_downtime_ms ?? 0) / 1000).toFixed(1)} s`,
  )
  return { jobId: accepted.job.id, vmId: movedId }
}

async function register(stack: Stack, { provider: id, type, region }: Stop): Promise<void> {
  const cloud = accountOf(stack, type)
  await stack.client.send(
    'POST',
    '/api/multicloud/providers',
    {
      provider_id: id,
      type,
      config: {
        name: id,
        credentials: cloud.credentials,
        regions: cloud.regions,
        default_region: region,
        endpoints: cloud.endpoints,
        options: cloud.options,
      },
    },
    { prefer: 'wait=30' },
  )
  const health = await stack.client.send<{ status: string; latency_ms?: number; message?: string }>(
    'GET',
    `/api/multicloud/providers/${id}/health`,
  )
  if (health.status !== 'healthy') throw new Error(`${id} is ${health.status}: ${health.message ?? ''}`)
  good(`${id}: credentials accepted, ${health.status}`)
}

/** The fields of a registration. */
function accountOf({ clouds, home: hosts }: Stack, type: CloudType) {
  const account = type === 'on-premise' && 'options' in hosts ? hosts : clouds.clouds[type]
  if (!account) throw new Error(`the loopback clouds have no ${type}`)
  return account
}

/** From one host of the house to the other, while it runs. */
async function moveLive({ client }: Stack, vmId: string): Promise<void> {
  title('Moving it to another host at home, while it runs')
  const query = new URLSearchParams({ provider_id: home.provider })
  const accepted = await client.send<{ job: Job }>(
    'POST',
    `/api/multicloud/vms/${vmId}/relocate?${query.toString()}`,
    {
      max_downtime: '1s',
    },
  )
  await follow(client, accepted.job.id, 'vm.relocate')
  const { output } = await client.send<Job>('GET', `/api/multicloud/jobs/${accepted.job.id}`)
  const { zone, downtimeMs } = (output as { relocation: { zone: string; downtimeMs?: number } }).relocation
  good(`It runs on ${zone} now; it stood still for ${Math.round(downtimeMs ?? 0)} ms`)
}

/** Shows a job's steps until it ends. */
async function follow(client: Client, jobId: string, kind: keyof typeof outlines): Promise<void> {
  const bars = stepBars(outlines[kind].steps.map((step) => step.name))
  for await (const event of client.follow(jobId)) bars.show(event)
  bars.end()
  const job = await client.send<Job>('GET', `/api/multicloud/jobs/${jobId}`)
  if (job.state !== 'succeeded')
    throw new Error(`${jobId} ${job.state}: ${job.problem?.detail ?? ''} ${job.problem?.remedy ?? ''}`)
}

/** The counter that the disk's own guest keeps on it and raises at every boot, from the line that it prints. */
async function bootsOn(stack: Stack, { type, name }: Stop): Promise<number> {
  const guest = await guestLine(stack, type)
  if (!guest) throw new Error(`the VM printed nothing on its console at ${name}`)
  say(`its console: ${guest.line}`)
  return guest.boots
}

/** Asks the cloud, through its adapter, for the console of its running VM until the guest has said all. */
async function guestLine(
  stack: Stack,
  type: CloudType,
): Promise<{ line: string; boots: number } | undefined> {
  const account = accountOf(stack, type)
  const cloud = await openCloud({
    providerId: `${type}-prod`,
    type,
    credentials: account.credentials,
    regions: account.regions,
    defaultRegion: account.regions[0],
    endpoints: account.endpoints,
    options: account.options,
    workerId: 'demo',
  })
  try {
    const untilMs = Date.now() + 60_000
    while (Date.now() < untilMs) {
      for await (const vm of cloud.compute.list({})) {
        const text = vm.state === 'running' ? ((await cloud.compute.consoleOutput(vm)) ?? '') : ''
        const guest = readGuestConsole(text)
        const line = text.split(/\r?\n/).findLast((one) => one.includes('boots='))
        if (guest?.ready && line) return { line: line.trim(), boots: guest.boots }
      }
      await sleep(200)
    }
    return undefined
  } finally {
    cloud.close()
  }
}
