import { randomUUID } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pool } from 'pg'
import type { Cloud, CloudRef, CloudVm } from '#shared/clouds/port.ts'
import { openCloud } from '#shared/clouds/registry.ts'
import { newId } from '#shared/ids.ts'
import { submitJob } from '#shared/jobs/submit.ts'
import { inTransaction } from '#db/transaction.ts'
import { providerCredential, storeCredentials } from '#shared/secrets/credentials.ts'
import type { Keyring } from '#shared/secrets/keyring.ts'
import { startAws } from '#test/clouds/aws/server.ts'
import { startAzure } from '#test/clouds/azure/server.ts'
import type { Call, Fault, LoopbackOptions, StartedCloud } from '#test/clouds/core/types.ts'
import { startGcp } from '#test/clouds/gcp/server.ts'
import { contentDigest } from '#test/crash/disk.ts'
import type { MigrationInput } from '#workers/migration/types.ts'

export type CloudName = 'aws' | 'azure' | 'gcp'
export const tenantId = 'acme'

/** One loopback cloud, registered as a provider of the tenant. */
export interface Side {
  name: CloudName
  providerId: string
  loopback: StartedCloud
  /** The test's own way into it, apart from any worker's. */
  cloud: Cloud
  region: string
  dir: string
}

/** VMs on one loopback cloud, and another cloud that they can be moved to. Nothing else is on either. */
export interface Pair {
  source: Side
  destination: Side
  /** One, unless more were asked for. All have the same disk. */
  vms: CloudRef[]
  imagePath: string
  /** Accepts a migration of the first VM, or that of `vm_id`, and returns its job. */
  migrate(input?: Partial<MigrationInput>, jobId?: string): Promise<string>
  /** What the cloud says of the first source VM, or another. */
  sourceVm(vm?: CloudRef): Promise<CloudVm | undefined>
  /** What both clouds hold beyond what they held before any migration, less what all jobs share. */
  leftovers(): string[]
  /**
   * Does the destination keep so many disks (one by default), each the same as the source's image, byte for byte? Read from the
   * loopback's own files.
   */
  destinationIsIdentical(disks?: number): Promise<boolean>
  /** Calls of both clouds since the VMs were ready. */
  calls(): Call[]
  /** Puts a fault in both clouds. */
  inject(fault: Fault): void
  clearFaults(): void
  close(): Promise<void>
}

export interface PairOptions {
  from: CloudName
  to: CloudName
  dir: string
  imagePath: string
  running?: boolean
  vms?: number
  /** Gives an address to use instead of the destination's own. */
  via?: (url: string) => Promise<string>
}

/** Long enough for what the loopbacks take to show what was made, short enough for a test to wait it out. */
export const settlesMs = 600

export async function openPair(db: Pool, keyring: Keyring, options: PairOptions): Promise<Pair> {
  const { imagePath, dir, running = true } = options
  const source = await openSide(db, keyring, options.from, join(dir, 'source'), imagePath)
  const destination = await openSide(
    db,
    keyring,
    options.to,
    join(dir, 'destination'),
    undefined,
    options.via,
  )
  const vms = await Promise.all(Array.from({ length: options.vms ?? 1 }, () => makeVm(source, running)))
  const [first = { region: '', id: '' }] = vms
  const before = new Set(stock(source))
  const destinationDisks = join(destination.dir, 'disks')
  // The clouds' public images are disks too.
  const publicDisks = new Set(await readdir(destinationDisks).catch(() => []))
  source.loopback.clearCalls()

  return {
    source,
    destination,
    vms,
    imagePath,
    async migrate(input = {}, jobId = newId('job')) {
      const migrationId = newId('mig')
      const request: MigrationInput = {
        migration_id: migrationId,
        vm_id: first.id,
        source_provider_id: source.providerId,
        destination_provider_id: destination.providerId,
        destination_region: destination.region,
        delete_source: false,
        options: { boot_check: { timeout_ms: 1 } },
        ...input,
      }
      await submitJob(
        db,
        { id: jobId, tenantId, kind: 'migration.cold', subject: migrationId, input: { ...request } },
        {
          migrations: [
            {
              id: migrationId,
              tenant_id: tenantId,
              vm_id: request.vm_id,
              source_provider: source.providerId,
              destination_provider: destination.providerId,
              destination_region: destination.region,
              status: 'pending',
              job_id: jobId,
              request,
              metrics: {},
            },
          ],
        },
      )
      await db.query(`select pg_notify('novacron_outbox', '')`)
      return jobId
    },
    sourceVm: (vm = first) => source.cloud.compute.get(vm),
    leftovers: () => [...stock(source).filter((entry) => !before.has(entry)), ...stock(destination)],
    async destinationIsIdentical(disks = 1) {
      const files = await readdir(destinationDisks)
      const own = files.filter((file) => !publicDisks.has(file))
      if (own.length !== disks)
        throw new Error(`the destination keeps ${own.length} disks: ${own.join(', ')}`)
      const wanted = await contentDigest(imagePath)
      const found = await Promise.all(own.map((file) => contentDigest(join(destinationDisks, file))))
      return found.every((digest) => digest === wanted)
    },
    calls: () =>
      [...source.loopback.calls(), ...destination.loopback.calls()].toSorted((a, b) => a.atMs - b.atMs),
    inject(fault) {
      for (const { loopback } of [source, destination]) loopback.inject(fault)
    },
    clearFaults() {
      for (const { loopback } of [source, destination]) loopback.clearFaults()
    },
    async close() {
      for (const { cloud, loopback } of [source, destination]) {
        cloud.close()
        await loopback.close()
      }
    },
  }
}

/** Everything that is there, without what all jobs share (Azure's network and group, Google's staging bucket), as text that can be compared. */
export const stock = ({ name, loopback }: Pick<Side, 'name' | 'loopback'>): string[] =>
  loopback
    .residue()
    .filter(({ kind }) => !sharedKinds.has(kind))
    .map(({ kind, id }) => `${name} ${kind} ${id}`)

const sharedKinds = new Set(['network', 'group', 'bucket'])

async function openSide(
  db: Pool,
  keyring: Keyring,
  name: CloudName,
  dir: string,
  imagePath?: string,
  via?: (url: string) => Promise<string>,
): Promise<Side> {
  const image = imagePath === undefined ? {} : { imagePath }
  const loopback = await starters[name]({ dir, ...image })
  const { credentials, regions } = loopback
  const endpoints: Record<string, string> = { ...loopback.endpoints }
  if (via) {
    const address = await via(loopback.url)
    for (const service of Object.keys(endpoints)) endpoints[service] = address
  }
  const options = {
    ...loopback.options,
    consistency_ms: settlesMs,
    poll_ms: 20,
  }
  const [region = ''] = regions
  const providerId = `${name}-${randomUUID().slice(0, 8)}`
  const config = { regions: [region], default_region: region, endpoints, options }
  await inTransaction(db, async (client) => {
    await client.query('insert into tenants (id, name) values ($1, $1) on conflict do nothing', [tenantId])
    await client.query(
      'insert into cloud_providers (tenant_id, id, name, type, config) values ($1, $2, $2, $3, $4)',
      [tenantId, providerId, name, config],
    )
    await storeCredentials(client, keyring, tenantId, providerCredential(providerId), credentials)
    return true
  })
  const cloud = await openCloud({
    providerId,
    type: name,
    credentials,
    regions: [region],
    defaultRegion: region,
    endpoints,
    options,
    workerId: 'the-test',
  })
  return { name, providerId, loopback, cloud, region, dir }
}

const starters: Record<CloudName, (options: LoopbackOptions) => Promise<StartedCloud>> = {
  aws: (options) => startAws({ ...options, boot: false, delaysMs: awsDelays }),
  azure: (options) => startAzure({ ...options, boot: false }),
  gcp: (options) => startGcp({ ...options, boot: false }),
}

const awsDelays = { pending: 30, stopping: 30, terminating: 30, snapshot: 30, visible: 20 }

const smallSizes: Record<CloudName, string> = { aws: 't3.small', azure: 'Standard_B1s', gcp: 'e2-small' }

async function makeVm({ cloud, region, name }: Side, running: boolean): Promise<CloudRef> {
  const vm = await cloud.compute.create({
    token: randomUUID(),
    tags: { 'novacron-tenant': tenantId, 'novacron-job': 'job_setup', 'novacron-step': 'setup' },
    region,
    name: 'moved',
    instanceType: smallSizes[name],
    boot: { image: undefined },
  })
  await untilState(cloud, vm, 'running')
  if (!running) {
    await cloud.compute.stop(vm)
    await untilState(cloud, vm, 'stopped')
  }
  return { region: vm.region, id: vm.id }
}

async function untilState(cloud: Cloud, vm: CloudRef, state: CloudVm['state']): Promise<void> {
  const until = Date.now() + 10_000
  for (;;) {
    const found = await cloud.compute.get(vm)
    if (found?.state === state) return
    if (Date.now() > until) throw new Error(`the VM is ${found?.state}, not ${state}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
