import { z } from '@hono/zod-openapi'
import { command } from '#api/http/command.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { afterWait } from '#api/http/prefer.ts'
import { etagOf } from '#api/http/reply.ts'
import { downtimeInput, maxDowntime } from '#api/routes/hosts/downtime.ts'
import { loadJobView } from '#api/routes/load.ts'
import { answerOf, assertIdle, assertPossible, assertProviderReady } from '#api/routes/vm-actions.ts'
import { vmAnswer } from '#api/routes/vm-create.ts'
import { findVm, providerTypeOf, vmQuery, workOn } from '#api/routes/vm-find.ts'
import { freshJob, jobView } from '#api/views/job.ts'
import { linkTo } from '#api/views/links.ts'
import { vmView } from '#api/views/vm.ts'
import { newId } from '#shared/ids.ts'
import { submitJob } from '#shared/jobs/submit.ts'

const kind = 'vm.relocate'

const body = z
  .strictObject({
    availability_zone: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/, 'must be the name of a host')
      .optional()
      .openapi({ description: 'The host to go to; the one with the most room if left out.' }),
    max_downtime: maxDowntime,
  })
  .openapi('RelocateVM')

export const relocateVm = endpoint({
  method: 'post',
  path: '/vms/{id}/relocate',
  operationId: 'relocateVM',
  tag: 'Hosts',
  permission: 'vms:operate',
  summary: 'Move a VM to another host',
  description:
    'With its disks. One that runs goes on running, but for a moment of at most `max_downtime`; one that is off is copied. Of on-premise providers.',
  query: vmQuery,
  body,
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
    const { services, principal, query, param, body: wish } = call
    const { tenantId } = principal
    const named = await findVm(services, tenantId, param('id'), query.provider_id)
    const providerType = await providerTypeOf(services, tenantId, named.providerId)
    await assertProviderReady(call, named.providerId, { demand: 'hosts.relocate' })
    const jobId = newId('job')
    const response = await command(call, async (db) => {
      const about = { id: named.id, providerId: named.providerId, cloudId: named.vmId ?? undefined }
      assertIdle(call, await workOn(db, tenantId, about))
      // Again, now that no other command for this VM can come in between.
      const vm = await findVm(services, tenantId, named.id, undefined)
      assertPossible(vm, { verb: 'relocated', kind })
      await submitJob(db, {
        id: jobId,
        tenantId,
        kind,
        subject: vm.id,
        input: {
          vm_id: vm.id,
          provider_id: vm.providerId,
          region: vm.region,
          cloud_vm_id: vm.vmId ?? null,
          ...(wish.availability_zone === undefined ? {} : { zone: wish.availability_zone }),
          ...downtimeInput(wish.max_downtime),
        },
        requestedBy: principal.subject,
      })
      const job = freshJob({ id: jobId, kind, subject: vm.id, requestedBy: principal.subject })
      return {
        status: 202,
        body: answerOf(vmView(services, vm, providerType), jobView(services, job)),
        headers: { location: linkTo(services, `/jobs/${jobId}`), etag: etagOf(vm.version) },
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
  },
})
