import { z } from '@hono/zod-openapi'
import type { MulticloudVm } from '#db/entities/vm.ts'
import { assertProviderCan, lacksOf } from '#api/http/capability.ts'
import { command } from '#api/http/command.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { assertMatches } from '#api/http/precondition.ts'
import { afterWait } from '#api/http/prefer.ts'
import { ApiError, invalid } from '#api/http/problem.ts'
import { etagOf } from '#api/http/reply.ts'
import { loadJobView } from '#api/routes/load.ts'
import { providerFor } from '#api/routes/resources/find.ts'
import { madeVm } from '#api/routes/resources/on-vm.ts'
import { answerOf, assertIdle } from '#api/routes/vm-actions.ts'
import { vmAnswer } from '#api/routes/vm-create.ts'
import { findVm, vmQuery, workOn } from '#api/routes/vm-find.ts'
import { instanceType, vmTags } from '#api/routes/vm-input.ts'
import { freshJob, jobView } from '#api/views/job.ts'
import { linkTo } from '#api/views/links.ts'
import { vmView } from '#api/views/vm.ts'
import { newId } from '#shared/ids.ts'
import { submitJob } from '#shared/jobs/submit.ts'
import { isCustomSize } from '#shared/placement/custom.ts'

const body = z
  .strictObject({
    tags: vmTags.optional().openapi({ description: 'All tags as they are to be; left out they stay.' }),
    instance_type: instanceType.optional(),
    allow_stop: z.boolean().default(false).openapi({
      description:
        'A VM that runs may be stopped for a new size, where it must be; it is started again afterwards.',
    }),
  })
  .openapi('UpdateVM')

export const updateVm = endpoint({
  method: 'put',
  path: '/vms/{id}',
  operationId: 'updateVM',
  tag: 'VMs',
  permission: 'vms:operate',
  summary: 'Change a VM',
  description:
    'Its tags, its size, or both. On hosts of your own a running VM gets its new size while it runs, as far as it was started with room for it (`headroom`) and its guest takes part: vCPUs are added, memory is added and taken back. Other clouds, and whatever else, need a stop: `allow_stop` permits it. The job’s output tells how it went: `{"resize": {"instance_type": …, "live": true}}`. If the new size cannot be had, the VM gets its old size and power state back.',
  query: vmQuery,
  body,
  guarded: true,
  waits: true,
  answers: {
    200: {
      description: 'The job has finished while the answer was held (`Prefer: wait`).',
      schema: vmAnswer,
    },
    202: { description: 'Accepted.', schema: vmAnswer },
  },
  problems: ['vm_state', 'vm_busy', 'migration_running', 'provider_disabled', 'capability_lacking'],
  async handle(call) {
    const { services, principal, query, param } = call
    const { tenantId } = principal
    const wish = call.body
    const named = await findVm(services, tenantId, param('id'), query.provider_id)
    assertMatches(call.c, named.version)
    if (wish.tags === undefined && wish.instance_type === undefined)
      throw invalid([
        { field: 'instance_type', reason: 'is missing, and tags too', remedy: 'Send what is to change.' },
      ])
    const { provider } = await providerFor(services, tenantId, named.providerId, named.region)
    assertProviderCan(provider, [
      ...(wish.tags === undefined ? [] : (['compute.setTags'] as const)),
      ...(wish.instance_type === undefined ? [] : (['compute.resize'] as const)),
      ...(isCustomSize(wish.instance_type ?? '') ? (['compute.customSize'] as const) : []),
    ])
    const kind = wish.instance_type === undefined ? 'vm.update' : 'vm.resize'
    const canResizeLive = lacksOf(provider, ['compute.resize.live']).length === 0
    const jobId = newId('job')
    const response = await command(call, async (db) => {
      assertIdle(
        call,
        await workOn(db, tenantId, {
          id: named.id,
          providerId: named.providerId,
          cloudId: named.vmId ?? undefined,
        }),
      )
      // Again, now that no other command for this VM can come in between.
      const vm = await findVm(services, tenantId, named.id, undefined)
      assertMatches(call.c, vm.version)
      const cloudId = madeVm(vm)
      if (!canResizeLive) assertMayStop(vm, wish)
      await db.query(
        'update multicloud_vms set version = version + 1, updated_at = clock_timestamp() where id = $1',
        [vm.id],
      )
      await submitJob(db, {
        id: jobId,
        tenantId,
        kind,
        subject: vm.id,
        input: {
          vm_id: vm.id,
          provider_id: vm.providerId,
          region: vm.region,
          cloud_vm_id: cloudId,
          ...wish,
        },
        requestedBy: principal.subject,
      })
      const job = freshJob({ id: jobId, kind, subject: vm.id, requestedBy: principal.subject })
      return {
        status: 202,
        body: answerOf(vmView(services, vm, provider.type), jobView(services, job)),
        headers: { location: linkTo(services, `/jobs/${jobId}`), etag: etagOf(vm.version + 1) },
        jobs: [jobId],
      }
    })
    return afterWait(call, response, jobId, async () => {
      const [vm, job] = await Promise.all([
        findVm(services, tenantId, named.id, undefined),
        loadJobView(services, tenantId, jobId),
      ])
      return answerOf(vmView(services, vm, provider.type), job)
    })
  },
})

/** What our row says to run is refused at once; the job looks again. */
function assertMayStop(vm: MulticloudVm, wish: z.output<typeof body>): void {
  if (wish.instance_type === undefined || wish.allow_stop || vm.state !== 'running') return
  if (wish.instance_type === vm.instanceType) return
  throw new ApiError('vm_state', 'The VM runs, and its cloud changes the size of stopped VMs only.', {
    remedy: 'Stop it first, or send `allow_stop: true`: it is then stopped, resized and started again.',
    details: { state: vm.state },
  })
}
