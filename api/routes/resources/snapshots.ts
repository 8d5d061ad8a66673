import { z } from '@hono/zod-openapi'
import type { CloudResource } from '#db/entities/resource.ts'
import { assertProviderCan } from '#api/http/capability.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { ApiError } from '#api/http/problem.ts'
import { nameField, placedBody } from '#api/routes/resources/body.ts'
import { deleteOf } from '#api/routes/resources/delete.ts'
import { findResource, providerFor, resourceQuery } from '#api/routes/resources/find.ts'
import { kindsOfRoutes } from '#api/routes/resources/kinds.ts'
import { getOf, listOf } from '#api/routes/resources/list.ts'
import { madeVm } from '#api/routes/resources/on-vm.ts'
import { restoreSnapshot } from '#api/routes/resources/restore.ts'
import { jobAnswers, submitCreation } from '#api/routes/resources/submit.ts'
import { findVm, vmQuery } from '#api/routes/vm-find.ts'

const kind = kindsOfRoutes.snapshot
const problems = ['resource_state', 'vm_state', 'provider_disabled', 'capability_lacking'] as const

const ofVolume = endpoint({
  method: 'post',
  path: '/volumes/{id}/snapshot',
  operationId: 'snapshotVolume',
  tag: kind.tag,
  permission: kind.manage,
  summary: 'Snapshot a volume',
  query: resourceQuery,
  body: z.strictObject({ name: nameField.optional(), tags: placedBody.tags }).openapi('SnapshotVolume'),
  bodyOptional: true,
  waits: true,
  answers: jobAnswers(kind),
  problems: [...problems],
  async handle(call) {
    const { services, principal, param, query, body } = call
    const { tenantId } = principal
    const row = await findResource(services, tenantId, 'volume', param('id'), query.provider_id)
    const { provider, region } = await providerFor(services, tenantId, row.providerId, row.region)
    assertProviderCan(provider, ['disks.createSnapshot'])
    const volume = { region, id: madeVolume(row) }
    return submitCreation(call, {
      kind: 'snapshot',
      job: 'snapshot.create',
      provider,
      region,
      name: body.name ?? defaultName(row.name),
      tags: body.tags,
      spec: { volume },
      request: { ...body, volume_id: row.id },
    })
  },
})

/** The route beside a VM's other actions. */
const ofVm = endpoint({
  method: 'post',
  path: '/vms/{id}/snapshot',
  operationId: 'snapshotVM',
  tag: 'VMs',
  permission: kind.manage,
  summary: 'Snapshot a VM',
  description:
    'Of all its disks, as one snapshot with a part for each. A running VM is taken as if its power had failed at that moment: stop it first if that will not do.',
  query: vmQuery,
  body: z.strictObject({ name: nameField.optional(), tags: placedBody.tags }).openapi('SnapshotVM'),
  bodyOptional: true,
  waits: true,
  answers: jobAnswers(kind),
  problems: [...problems],
  async handle(call) {
    const { services, principal, param, query, body } = call
    const { tenantId } = principal
    const vm = await findVm(services, tenantId, param('id'), query.provider_id)
    const { provider, region } = await providerFor(services, tenantId, vm.providerId, vm.region)
    assertProviderCan(provider, ['disks.createSnapshot'])
    return submitCreation(call, {
      kind: 'snapshot',
      job: 'snapshot.create',
      provider,
      region,
      name: body.name ?? defaultName(vm.name),
      tags: body.tags,
      spec: { vm: { region, id: madeVm(vm) }, vmId: vm.id },
      request: { ...body, vm_id: vm.id },
      observed: { kept: { vm: vm.id } },
    })
  },
})

export const snapshotEndpoints = [listOf(kind), getOf(kind), deleteOf(kind), restoreSnapshot, ofVolume, ofVm]

/** The cloud's id of a volume that is there. */
function madeVolume({ cloudId, state, deletedAt }: CloudResource): string {
  if (cloudId && !deletedAt && (state === 'available' || state === 'in_use')) return cloudId
  throw new ApiError('resource_state', `The volume is ${state}, so there is nothing to take a snapshot of.`, {
    remedy: 'Use a volume that is available or in use.',
    details: { state },
  })
}

/** Names of at most 63 characters with a letter or digit at either end, as every cloud takes them. */
const defaultName = (of: string): string => {
  const stem = of.replaceAll(/[^A-Za-z0-9-]/g, '-').replaceAll(/^-+|-+$/g, '')
  return `${stem.slice(0, 40).replace(/-+$/, '') || 'snapshot'}-${Date.now().toString(36)}`
}
