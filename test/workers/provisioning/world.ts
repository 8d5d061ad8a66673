import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { newId } from '#shared/ids.ts'
import { requestCancel } from '#shared/jobs/control.ts'
import { localKeyring } from '#shared/secrets/keyring.ts'
import { startAws } from '#test/clouds/aws/server.ts'
import { startAzure } from '#test/clouds/azure/server.ts'
import type { StartedCloud } from '#test/clouds/core/types.ts'
import { createHarness, type FinishedJob, type Harness } from '#test/shared/jobs/harness.ts'
import { register, registrationOf } from '#test/workers/registration.ts'
import { provisioningChains } from '#workers/provisioning/chains.ts'
import type { CreateInput } from '#workers/provisioning/types.ts'

/** How a cloud names what the tests provoke. */
export interface Dialect {
  region: string
  medium: string
  sizes: string
  create: string
  get: string
  start: string
  stop: string
  restart: string
  remove: string
  forbidden: { code: string; status: number }
}

export type TestedCloud = 'aws' | 'azure'

export const dialects: Record<TestedCloud, Dialect> = {
  aws: {
    region: 'us-east-1',
    medium: 't3.medium',
    sizes: 'DescribeInstanceTypes',
    create: 'RunInstances',
    get: 'DescribeInstances',
    start: 'StartInstances',
    stop: 'StopInstances',
    restart: 'RebootInstances',
    remove: 'TerminateInstances',
    forbidden: { code: 'UnauthorizedOperation', status: 403 },
  },
  azure: {
    region: 'eastus',
    medium: 'Standard_B2als_v2',
    sizes: 'ResourceSkus_List',
    create: 'VirtualMachines_CreateOrUpdate',
    get: 'VirtualMachines_Get',
    start: 'VirtualMachines_Start',
    stop: 'VirtualMachines_Deallocate',
    restart: 'VirtualMachines_Restart',
    remove: 'VirtualMachines_Delete',
    forbidden: { code: 'AuthorizationFailed', status: 403 },
  },
}

export interface VmRow {
  id: string
  vm_id: string | null
  state: string
  instance_type: string | null
  tags: Record<string, string>
  deleted_at: Date | null
}

export interface World {
  harness: Harness
  cloud: StartedCloud
  dialect: Dialect
  /** Submits a creation, with its row, as the API does. */
  submitCreate(wishes?: Partial<CreateInput>): Promise<{ jobId: string; vmId: string }>
  create(wishes?: Partial<CreateInput>): Promise<{ job: FinishedJob; row: VmRow }>
  submitAction(kind: `vm.${string}`, vmId: string): Promise<string>
  act(kind: `vm.${string}`, vmId: string): Promise<FinishedJob>
  row(vmId: string): Promise<VmRow>
  /** What the cloud holds that a job made. */
  residueOf(jobId: string): { kind: string; id: string; state: string }[]
  /** Waits until the job has begun a step. */
  begun(jobId: string, step: string): Promise<void>
  /** Stops the worker without grace, as a second one takes over. */
  replaceWorker(): Promise<void>
  /** How often the cloud was asked to do this, whatever it answered. */
  asked(operation: string): number
  /** Waits until the cloud has been asked to. */
  askedFor(operation: string): Promise<void>
  close(): Promise<void>
}

/** A loopback cloud, registered with a database of its own, and a worker of the provisioning pool. */
export async function startWorld(
  type: TestedCloud,
  { settleMs = 500, pendingMs = 100 }: { settleMs?: number; pendingMs?: number } = {},
): Promise<World> {
  const dir = await mkdtemp(join(tmpdir(), 'novacron-provisioning-'))
  const keyring = localKeyring([randomBytes(32)])
  const dialect = dialects[type]
  const cloud = await (type === 'aws'
    ? startAws({
        dir,
        boot: false,
        delaysMs: { pending: pendingMs, stopping: 60, terminating: 60, snapshot: 20, visible: 100 },
      })
    : startAzure({ dir, boot: false, delaysMs: { vmCreate: pendingMs } }))
  const harness = await createHarness(provisioningChains, 'postgres', { keyring })
  await register(harness.db, keyring, registrationOf(cloud, 'cloud-1', type, settleMs))
  let workers = await harness.start()
  const { region } = dialect

  const world: World = {
    harness,
    cloud,
    dialect,
    async submitCreate(wishes = {}) {
      const vmId = newId('vm')
      const input = {
        vm_id: vmId,
        provider_id: 'cloud-1',
        region,
        name: 'web-1',
        instance_type: 'medium',
        tags: {},
        ...wishes,
      }
      const row = {
        id: vmId,
        tenant_id: 'acme',
        provider_id: 'cloud-1',
        name: 'web-1',
        region,
        state: 'pending',
        tags: {},
        observed: {},
      }
      return { vmId, jobId: await harness.submit('vm.create', { subject: vmId, input }, { vms: [row] }) }
    },
    async create(wishes) {
      const { jobId, vmId } = await world.submitCreate(wishes)
      return { job: await harness.finished(jobId), row: await world.row(vmId) }
    },
    async submitAction(kind, vmId) {
      const { vm_id: cloudId } = await world.row(vmId)
      return harness.submit(kind, {
        subject: vmId,
        input: { vm_id: vmId, provider_id: 'cloud-1', region, cloud_vm_id: cloudId },
      })
    },
    act: async (kind, vmId) => harness.finished(await world.submitAction(kind, vmId)),
    async row(vmId) {
      const { rows } = await harness.db.query<VmRow>('select * from multicloud_vms where id = $1', [vmId])
      if (!rows[0]) throw new Error(`no row ${vmId}`)
      return rows[0]
    },
    residueOf: (jobId) => cloud.residue().filter(({ tags }) => tags['novacron-job'] === jobId),
    async begun(jobId, step) {
      for (;;) {
        const events = await harness.events(jobId)
        if (events.some(({ type: what, data }) => what === 'step.started' && data['step'] === step)) return
        await sleep(10)
      }
    },
    async replaceWorker() {
      const before = workers
      workers = await harness.start()
      await before.stop(0)
    },
    asked: (operation) => cloud.calls().filter((call) => call.operation === operation).length,
    async askedFor(operation) {
      while (world.asked(operation) === 0) await sleep(10)
    },
    async close() {
      await harness.close()
      await cloud.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
  return world
}

export async function cancel({ harness }: World, jobId: string): Promise<void> {
  const outcome = await requestCancel(harness.db, 'acme', jobId)
  if (outcome !== 'requested') throw new Error(`the cancel of ${jobId} came too late: ${outcome}`)
  harness.wake.notify('novacron_cancel', jobId)
}

/** The VMs that a job made. */
export const machinesOf = (world: World, jobId: string) =>
  world.residueOf(jobId).filter(({ kind }) => kind === 'vm' || kind === 'instance')
