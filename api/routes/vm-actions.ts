import type { z } from '@hono/zod-openapi'
import type { MulticloudVm } from '#db/entities/vm.ts'
import { newId } from '#shared/ids.ts'
import type { Kind } from '#shared/jobs/outlines.ts'
import { submitJob } from '#shared/jobs/submit.ts'
import type { Operation } from '#shared/clouds/operations.ts'
import type { Permission } from '#api/auth/permissions.ts'
import { assertProviderCan } from '#api/http/capability.ts'
import { command } from '#api/http/command.ts'
import { endpoint, type Call, type Endpoint } from '#api/http/endpoint.ts'
import { afterWait } from '#api/http/prefer.ts'
import { ApiError } from '#api/http/problem.ts'
import { loadJobView } from '#api/routes/load.ts'
import { vmAnswer } from '#api/routes/vm-create.ts'
import { findVm, providerTypeOf, vmQuery, workOn, type VmWork } from '#api/routes/vm-find.ts'
import { linkTo } from '#api/views/links.ts'
import { freshJob, jobView } from '#api/views/job.ts'
import { vmView } from '#api/views/vm.ts'

interface Action {
  method: 'post' | 'delete'
  path: string
  operationId: string
  permission: Permission
  summary: string
  description: string
  kind: Extract<Kind, `vm.${string}`>
  verb: string
  /** What not every cloud can do. */
  demand?: Operation
}

const actions: Action[] = [
  {
    method: 'delete',
    path: '/vms/{id}',
    operationId: 'deleteVM',
    permission: 'vms:delete',
    summary: 'Delete a VM',
    description: 'Deletes the VM with its disks, interfaces and addresses.',
    kind: 'vm.delete',
    verb: 'deleted',
  },
  {
    method: 'post',
    path: '/vms/{id}/start',
    operationId: 'startVM',
    permission: 'vms:operate',
    summary: 'Start a VM',
    description: 'A running VM is left as it is.',
    kind: 'vm.start',
    verb: 'started',
  },
  {
    method: 'post',
    path: '/vms/{id}/stop',
    operationId: 'stopVM',
    permission: 'vms:operate',
    summary: 'Stop a VM',
    description: 'Stops it and releases its compute; a stopped VM is left as it is.',
    kind: 'vm.stop',
    verb: 'stopped',
  },
  {
    method: 'post',
    path: '/vms/{id}/restart',
    operationId: 'restartVM',
    permission: 'vms:operate',
    summary: 'Restart a VM',
    description: 'Restarts the guest.',
    kind: 'vm.restart',
    verb: 'restarted',
  },
  {
    method: 'post',
    path: '/vms/{id}/suspend',
    operationId: 'suspendVM',
    permission: 'vms:operate',
    summary: 'Suspend a VM',
    description:
      'Keeps its memory and stops paying for the compute (hibernates, where the cloud calls it so). GCP can always; AWS a VM that was made with `custom_options.encryption` and a boot disk with room for its memory; Azure one of a size that can, of the default image.',
    kind: 'vm.suspend',
    verb: 'suspended',
    demand: 'compute.suspend',
  },
  {
    method: 'post',
    path: '/vms/{id}/resume',
    operationId: 'resumeVM',
    permission: 'vms:operate',
    summary: 'Resume a suspended VM',
    description: 'It goes on where it was; a running VM is left as it is.',
    kind: 'vm.resume',
    verb: 'resumed',
    demand: 'compute.resume',
  },
]

export const vmActionEndpoints: Endpoint[] = actions.map((action) =>
  endpoint({
    ...action,
    tag: 'VMs',
    query: vmQuery,
    waits: true,
    answers: {
      200: {
        description: 'The job has finished while the answer was held (`Prefer: wait`).',
        schema: vmAnswer,
      },
      202: { description: 'Accepted.', schema: vmAnswer },
    },
    problems: ['vm_state', 'vm_busy', 'migration_running', 'provider_disabled', 'capability_lacking'],
    handle: (call) => act(call, action),
  }),
)

async function act(call: Call<z.output<typeof vmQuery>>, action: Action): Promise<Response> {
  const { services, principal, query, param } = call
  const { tenantId } = principal
  const named = await findVm(services, tenantId, param('id'), query.provider_id)
  const providerType = await providerTypeOf(services, tenantId, named.providerId)
  // Before the transaction: nothing inside of one may wait for a second connection.
  await assertProviderReady(call, named.providerId, action)
  const jobId = newId('job')
  const response = await command(call, async (db) => {
    const work = await workOn(db, tenantId, {
      id: named.id,
      providerId: named.providerId,
      cloudId: named.vmId ?? undefined,
    })
    // Again, now that no other command for this VM can come in between.
    const vm = await findVm(services, tenantId, named.id, undefined)
    assertIdle(call, work)
    assertPossible(vm, action)
    await submitJob(db, {
      id: jobId,
      tenantId,
      kind: action.kind,
      subject: vm.id,
      input: { vm_id: vm.id, provider_id: vm.providerId, region: vm.region, cloud_vm_id: vm.vmId ?? null },
      requestedBy: principal.subject,
    })
    const job = freshJob({ id: jobId, kind: action.kind, subject: vm.id, requestedBy: principal.subject })
    return {
      status: 202,
      body: answerOf(vmView(services, vm, providerType), jobView(services, job)),
      headers: { location: linkTo(services, `/jobs/${jobId}`) },
      jobs: [jobId],
    }
  })
  return afterWait(call, response, jobId, async () => {
    const [vm, job] = await Promise.all([
      findVm(services, tenantId, named.id, undefined),
      loadJobView(services, tenantId, jobId),
    ])
    return answerOf(vmView(services, vm, providerType), job)
  })
}

export const answerOf = (
  vm: ReturnType<typeof vmView>,
  job: ReturnType<typeof jobView>,
): z.input<typeof vmAnswer> => ({
  vm,
  job,
  warnings: [],
  notes: [],
  links: { vm: vm.links['self'] ?? '', job: job.links['self'] ?? '', events: job.links['events'] ?? '' },
})

/** Throws ApiError `vm_busy` or `migration_running` while another job has the VM. */
export function assertIdle({ services }: Call, { jobs, migrations }: VmWork): void {
  const [migration] = migrations
  if (migration)
    throw new ApiError('migration_running', `The VM is being moved by ${migration.id}.`, {
      remedy: 'Wait until the migration has finished, or cancel its job.',
      details: {
        links: {
          migration: linkTo(services, `/migrations/${migration.id}`),
          job: linkTo(services, `/jobs/${migration.job_id}`),
        },
      },
    })
  const [job] = jobs
  if (job)
    throw new ApiError('vm_busy', `The job ${job.id} (${job.kind}) is working on the VM.`, {
      remedy: 'Wait until it has finished, or cancel it.',
      details: { links: { job: linkTo(services, `/jobs/${job.id}`) } },
    })
}

/**
 * Throws ApiError `vm_state` for what can never work. The state on record may be older than the cloud's, so a start of what looks
 * running is passed on: the cloud knows better.
 */
export function assertPossible(vm: MulticloudVm, { verb, kind }: Pick<Action, 'verb' | 'kind'>): void {
  const gone = vm.state === 'terminated' || Boolean(vm.deletedAt)
  if (gone || vm.state === 'terminating')
    throw new ApiError('vm_state', `A VM that is ${gone ? 'terminated' : 'terminating'} cannot be ${verb}.`, {
      remedy: 'Create a new VM.',
      details: { state: vm.state },
    })
  if (!vm.vmId && kind !== 'vm.delete')
    throw new ApiError('vm_state', `The VM was never made in its cloud, so it cannot be ${verb}.`, {
      remedy: 'Look at its create job, which can be retried; or delete the VM.',
      details: { state: vm.state },
    })
}

/** Throws ApiError `provider_disabled`, or `capability_lacking` where the cloud cannot do what is demanded. */
export async function assertProviderReady(
  { services, principal }: Call,
  providerId: string,
  { demand }: Pick<Action, 'demand'>,
): Promise<void> {
  const provider = (await services.providers.of(principal.tenantId)).find(({ id }) => id === providerId)
  if (provider && !provider.enabled)
    throw new ApiError('provider_disabled', `The provider "${providerId}" is disabled.`, {
      remedy: `Enable it with PUT /api/multicloud/providers/${providerId}.`,
    })
  if (provider && demand) assertProviderCan(provider, [demand])
}
