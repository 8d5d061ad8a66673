import { z } from '@hono/zod-openapi'
import { assertProviderCan } from '#api/http/capability.ts'
import { endpoint, type Call } from '#api/http/endpoint.ts'
import { invalid } from '#api/http/problem.ts'
import {
  encryptionField,
  encryptionOf,
  idField,
  nameField,
  placedBody,
  zoneField,
} from '#api/routes/resources/body.ts'
import { submitChange } from '#api/routes/resources/change.ts'
import { deleteOf } from '#api/routes/resources/delete.ts'
import { findResource, providerFor, refOf, resourceQuery } from '#api/routes/resources/find.ts'
import { kindsOfRoutes } from '#api/routes/resources/kinds.ts'
import { getOf, listOf } from '#api/routes/resources/list.ts'
import { onVmBody, vmBeside, vmHolding, zoneBeside } from '#api/routes/resources/on-vm.ts'
import { jobAnswers, submitCreation } from '#api/routes/resources/submit.ts'

const kind = kindsOfRoutes.volume
const size = z.int().min(1).max(65_536).openapi({ description: 'GiB.' })
const changeProblems = ['resource_state', 'resource_busy', 'provider_disabled', 'capability_lacking'] as const

export const volumeFields = {
  size_gib: size,
  type: z.enum(['standard', 'ssd', 'premium']).default('ssd').openapi({
    description:
      '`standard`: magnetic or the cheapest; `ssd`: general purpose; `premium`: provisioned or guaranteed speed.',
  }),
  zone: zoneField.openapi({
    description:
      'Where VMs and volumes must share one (AWS, GCP, zonal VMs of Azure), that of the VM which it is for. Left out: one of the region’s zones (AWS: that of the provider’s subnet_id, if it has one), none at Azure, the host with the most room on-premise.',
  }),
  encryption: encryptionField,
}

const create = endpoint({
  method: 'post',
  path: kind.path,
  operationId: 'createVolume',
  tag: kind.tag,
  permission: kind.manage,
  summary: 'Create a volume',
  description: 'An empty one, or one with the content of a snapshot. Encrypted on every cloud.',
  body: z
    .strictObject({
      ...placedBody,
      name: nameField,
      ...volumeFields,
      snapshot_id: idField
        .optional()
        .openapi({ description: 'Our id of a snapshot or the cloud’s own; of a VM’s, its boot disk.' }),
      vm_id: onVmBody.shape.vm_id.optional().openapi({
        description:
          'The VM that it is for, in place of `zone`: it is made where that can have it, and not attached yet.',
      }),
    })
    .openapi('CreateVolume'),
  waits: true,
  answers: jobAnswers(kind),
  problems: ['provider_disabled', 'capability_lacking'],
  async handle(call) {
    const { services, principal, body } = call
    const { tenantId } = principal
    const { provider, region } = await providerFor(services, tenantId, body.provider_id, body.region)
    assertProviderCan(provider, ['storage.volumes.create'])
    const where = { tenantId, providerId: provider.id, region }
    const zone = await zoneFor(call, where, body)
    return submitCreation(call, {
      kind: 'volume',
      job: 'volume.create',
      provider,
      region,
      name: body.name,
      tags: body.tags,
      spec: {
        sizeGib: body.size_gib,
        type: body.type,
        ...(zone === undefined ? {} : { zone }),
        ...encryptionOf(body.encryption),
        ...(body.snapshot_id === undefined
          ? {}
          : { snapshot: await refOf(services, where, 'snapshot', 'snapshot_id', body.snapshot_id) }),
      },
      request: body,
      observed: { sizeBytes: body.size_gib * gibBytes, type: body.type },
    })
  },
})

const resize = endpoint({
  method: 'put',
  path: `${kind.path}/{id}`,
  operationId: 'resizeVolume',
  tag: kind.tag,
  permission: kind.manage,
  summary: 'Grow a volume',
  description:
    'No cloud can shrink one, and none takes a growth back. The file system in it is for the guest to grow.',
  query: resourceQuery,
  body: z.strictObject({ size_gib: size }).openapi('ResizeVolume'),
  guarded: true,
  waits: true,
  answers: jobAnswers(kind),
  problems: [...changeProblems],
  async handle(call) {
    const { services, principal, param, query, body } = call
    const row = await findResource(services, principal.tenantId, 'volume', param('id'), query.provider_id)
    return submitChange(call, row, {
      kind: 'volume',
      job: 'volume.resize',
      operation: 'storage.volumes.resize',
      verb: 'resized',
      guarded: true,
      input: { sizeGib: body.size_gib },
      assertPossible({ observed }) {
        const now = Number(observed['sizeBytes'] ?? 0) / gibBytes
        if (body.size_gib < now)
          throw invalid([
            {
              field: 'size_gib',
              reason: `is less than the ${now} GiB that the volume has`,
              remedy: 'A volume can only grow; make a smaller one and copy what you need.',
            },
          ])
      },
    })
  },
})

const attach = endpoint({
  method: 'post',
  path: `${kind.path}/{id}/attach`,
  operationId: 'attachVolume',
  tag: kind.tag,
  permission: kind.manage,
  summary: 'Attach a volume',
  description: 'As a data disk that outlives the VM. Attached there already is fine.',
  query: resourceQuery,
  body: onVmBody,
  waits: true,
  answers: jobAnswers(kind),
  problems: [...changeProblems, 'vm_state'],
  async handle(call) {
    const { services, principal, param, query, body } = call
    const { tenantId } = principal
    const row = await findResource(services, tenantId, 'volume', param('id'), query.provider_id)
    return submitChange(call, row, {
      kind: 'volume',
      job: 'volume.attach',
      operation: 'storage.volumes.attach',
      verb: 'attached',
      input: { vm: await vmBeside(services, tenantId, row, body.vm_id) },
    })
  },
})

const detach = endpoint({
  method: 'post',
  path: `${kind.path}/{id}/detach`,
  operationId: 'detachVolume',
  tag: kind.tag,
  permission: kind.manage,
  summary: 'Detach a volume',
  description: 'Unmount it in the guest first. One that is not attached is left as it is.',
  query: resourceQuery,
  waits: true,
  answers: jobAnswers(kind),
  problems: [...changeProblems],
  async handle(call) {
    const { services, principal, param, query } = call
    const row = await findResource(services, principal.tenantId, 'volume', param('id'), query.provider_id)
    return submitChange(call, row, {
      kind: 'volume',
      job: 'volume.detach',
      operation: 'storage.volumes.detach',
      verb: 'detached',
      input: await vmHolding(services, row),
    })
  },
})

export const volumeEndpoints = [listOf(kind), create, getOf(kind), resize, deleteOf(kind), attach, detach]

/** The zone that the body names, itself or by the VM that the volume is for. @throws ApiError `validation_failed` if the two are at odds. */
async function zoneFor(
  { services }: Pick<Call, 'services'>,
  { tenantId, ...place }: { tenantId: string; providerId: string; region: string },
  { zone, vm_id: vmId }: { zone?: string | undefined; vm_id?: string | undefined },
): Promise<string | undefined> {
  if (vmId === undefined) return zone
  const vms = await zoneBeside(services, tenantId, { ...place, kind: 'volume' }, vmId)
  if (zone === undefined || zone === vms) return vms
  throw invalid([
    {
      field: 'zone',
      reason: `is ${zone}, and the VM of vm_id is ${vms === undefined ? 'in none' : `in ${vms}`}`,
      remedy: 'Leave one of the two out.',
    },
  ])
}

const gibBytes = 1024 ** 3
