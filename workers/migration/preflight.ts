import type { Pool } from 'pg'
import { CloudError } from '#shared/clouds/errors.ts'
import type { Cloud, CloudVm } from '#shared/clouds/port.ts'
import { newId } from '#shared/ids.ts'
import type { StepContext, Write } from '#shared/jobs/chain.ts'
import { StepError } from '#shared/jobs/errors.ts'
import { sizeFor, sizeNamed } from '#shared/placement/choose.ts'
import { findingsOf } from '#workers/migration/findings.ts'
import { step } from '#workers/migration/step.ts'
import type { MigrationInput, SourceVm, Target } from '#workers/migration/types.ts'
import { recordVm } from '#workers/vm-record.ts'

/** Finds the VM, decides where it goes, and checks all that can be checked before anything is touched. */
export const preflight = step('preflight', {
  gives: ['source', 'target', 'findings'],
  effect: 'none',
  async run(context) {
    const { input, tenantId } = context
    const from = await context.cloud(input.source_provider_id)
    const to = await context.cloud(input.destination_provider_id)
    const { source, vm, writes } = await findSource(context, from)
    const target = await chooseTarget(context, from, to, vm)
    const findings = await findingsOf({ from, to, vm, target })
    const critical = findings.filter(({ severity }) => severity === 'critical')
    const [first] = critical
    if (first)
      throw new StepError(`The migration cannot start: ${critical.map(({ message }) => message).join(' ')}`, {
        code: 'preflight_failed',
        details: { findings },
        ...(first.remedy ? { remedy: first.remedy } : {}),
      })
    for (const write of writes) context.alsoWrite(write)
    context.alsoWrite({
      text: 'update migrations set destination_region = $2, vm_id = $3 where tenant_id = $1 and id = $4',
      values: [tenantId, target.region, source.vmId, input.migration_id],
    })
    return { source, target, findings }
  },
})

/** The VM by our id or the cloud's. One that is not in our books yet is taken into them. */
async function findSource(
  context: StepContext<MigrationInput>,
  cloud: Cloud,
): Promise<{ source: SourceVm; vm: CloudVm; writes: Write[] }> {
  const { input, tenantId } = context
  const row = await findRow(context.db, tenantId, input)
  const vm = row
    ? await cloud.compute.get({ region: row.region, id: row.vm_id ?? '' })
    : await findInCloud(cloud, input)
  if (!vm || vm.state === 'terminated') throw unknownVm(input)
  const vmId = row?.id ?? newId('vm')
  const adopt: Write = {
    text: `insert into multicloud_vms (id, tenant_id, provider_id, vm_id, name, region, state, tags, observed)
           values ($1, $2, $3, $4, $5, $6, $7, '{}', '{}')
           on conflict on constraint multicloud_vms_cloud_id do nothing`,
    values: [vmId, tenantId, input.source_provider_id, vm.id, vm.name, vm.region, vm.state],
  }
  return {
    vm,
    writes: [...(row ? [] : [adopt]), recordVm(tenantId, vmId, input.source_provider_id, vm)],
    source: {
      vmId,
      providerId: input.source_provider_id,
      ref: { region: vm.region, id: vm.id },
      name: vm.name,
      architecture: vm.architecture,
      firmware: vm.firmware,
      wasRunning: vm.state === 'running' || vm.state === 'pending',
      disks: vm.disks,
      tags: Object.fromEntries(Object.entries(vm.tags).filter(([key]) => !key.startsWith('novacron-'))),
    },
  }
}

interface VmRow {
  id: string
  vm_id: string | null
  region: string
}

async function findRow(db: Pool, tenantId: string, input: MigrationInput): Promise<VmRow | undefined> {
  const { rows } = await db.query<VmRow>(
    `select id, vm_id, region from multicloud_vms
     where tenant_id = $1 and provider_id = $2 and (id = $3 or vm_id = $3) and deleted_at is null`,
    [tenantId, input.source_provider_id, input.vm_id],
  )
  return rows[0]
}

async function findInCloud(cloud: Cloud, input: MigrationInput): Promise<CloudVm | undefined> {
  for await (const vm of cloud.compute.list({})) if (vm.id === input.vm_id) return vm
  return undefined
}

const unknownVm = (input: MigrationInput) =>
  new StepError(`The provider "${input.source_provider_id}" has no VM "${input.vm_id}".`, {
    code: 'vm_not_found',
    remedy: 'Check the id and the region; the VM may have been deleted, or belong to another provider.',
  })

async function chooseTarget(
  { input }: StepContext<MigrationInput>,
  from: Cloud,
  to: Cloud,
  vm: CloudVm,
): Promise<Target> {
  const wanted = input.destination_config ?? {}
  const regions = await to.identity.regions()
  const region = input.destination_region ?? regions[0]?.id ?? ''
  if (!regions.some(({ id }) => id === region))
    throw new CloudError(`The provider "${input.destination_provider_id}" has no region "${region}".`, {
      cloud: to.type,
      operation: 'preflight',
      code: 'invalid_request',
      remedy: `Use one of: ${regions.map(({ id }) => id).join(', ')}.`,
    })
  return {
    providerId: input.destination_provider_id,
    region,
    name: wanted.name ?? vm.name,
    instanceType: await chooseType(input, from, to, region, vm),
    ...(wanted.zone ? { zone: wanted.zone } : {}),
    ...(wanted.key_pair ? { keyPair: wanted.key_pair } : {}),
    ...(wanted.security_groups ? { securityGroups: wanted.security_groups } : {}),
  }
}

/** What was asked for, or the smallest that has at least the source's vCPUs and memory. */
async function chooseType(
  input: MigrationInput,
  from: Cloud,
  to: Cloud,
  region: string,
  vm: CloudVm,
): Promise<string> {
  const wanted = input.destination_config?.instance_type
  const { architecture } = vm
  if (wanted) return (await sizeFor(to, region, { instanceType: wanted, architecture })).name
  const current = await sizeNamed(from, vm.region, vm.instanceType)
  if (current) {
    const { vcpus, memoryMib } = current
    return (await sizeFor(to, region, { vcpus, memoryMib, architecture })).name
  }
  throw new StepError(`How many vCPUs and how much memory "${vm.instanceType}" has is not known.`, {
    code: 'size_unknown',
    remedy: 'Name the size at the destination in destination_config.instance_type.',
  })
}
