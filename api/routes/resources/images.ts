import { z } from '@hono/zod-openapi'
import { assertProviderCan } from '#api/http/capability.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { idField, nameField, placedBody } from '#api/routes/resources/body.ts'
import { submitChange } from '#api/routes/resources/change.ts'
import { deleteOf } from '#api/routes/resources/delete.ts'
import { findResource, providerFor, refOf, resourceQuery } from '#api/routes/resources/find.ts'
import { kindsOfRoutes } from '#api/routes/resources/kinds.ts'
import { getOf, listOf } from '#api/routes/resources/list.ts'
import { madeVm } from '#api/routes/resources/on-vm.ts'
import { jobAnswers, submitCreation } from '#api/routes/resources/submit.ts'
import { findVm } from '#api/routes/vm-find.ts'

const kind = kindsOfRoutes.image
const format = z.enum(['raw', 'vhd', 'vhdx', 'vmdk', 'qcow2', 'ova'])
const bucket = idField.openapi({ description: 'Our id of a bucket at the same provider, or its name there.' })
const key = z.string().min(1).max(900).openapi({ example: 'images/web.vmdk' })

const create = endpoint({
  method: 'post',
  path: kind.path,
  operationId: 'createImage',
  tag: kind.tag,
  permission: kind.manage,
  summary: 'Make an image of a VM',
  description:
    'With all its disks. A running VM is imaged as if its power had failed at that moment: stop it first if that will not do.',
  body: z
    .strictObject({
      vm_id: idField.openapi({ description: 'Our id of the VM; or, with provider_id, the cloud’s own.' }),
      provider_id: z.string().min(1).max(255).optional(),
      name: nameField,
      tags: placedBody.tags,
    })
    .openapi('CreateImage'),
  waits: true,
  answers: jobAnswers(kind),
  problems: ['not_found', 'vm_state', 'provider_disabled', 'capability_lacking'],
  async handle(call) {
    const { services, principal, body } = call
    const { tenantId } = principal
    const vm = await findVm(services, tenantId, body.vm_id, body.provider_id)
    const { provider, region } = await providerFor(services, tenantId, vm.providerId, vm.region)
    assertProviderCan(provider, ['images.createFromVm'])
    return submitCreation(call, {
      kind: 'image',
      job: 'image.create',
      provider,
      region,
      name: body.name,
      tags: body.tags,
      spec: { vm: { region, id: madeVm(vm) }, vmId: vm.id },
      request: body,
      observed: { kept: { vm: vm.id } },
      warnings:
        vm.state === 'running'
          ? ['vm_id names a VM that runs: the image will be as if its power had failed.']
          : [],
    })
  },
})

const importFile = endpoint({
  method: 'post',
  path: '/images/import',
  operationId: 'importImage',
  tag: kind.tag,
  permission: kind.manage,
  summary: 'Import an image file',
  description: 'From an object in the provider’s own object storage, through the vendor’s import service.',
  body: z
    .strictObject({
      ...placedBody,
      name: nameField,
      format,
      source: z.strictObject({ bucket, key }),
      architecture: z.enum(['x86_64', 'arm64']).default('x86_64'),
      firmware: z.enum(['bios', 'uefi']).default('bios'),
    })
    .openapi('ImportImage'),
  waits: true,
  answers: jobAnswers(kind),
  problems: ['provider_disabled', 'capability_lacking'],
  async handle(call) {
    const { services, principal, body } = call
    const { tenantId } = principal
    const { provider, region } = await providerFor(services, tenantId, body.provider_id, body.region)
    assertProviderCan(provider, ['images.importFile'])
    const where = { tenantId, providerId: provider.id, region }
    const { id } = await refOf(services, where, 'bucket', 'source.bucket', body.source.bucket)
    const { architecture, firmware } = body
    return submitCreation(call, {
      kind: 'image',
      job: 'image.import',
      provider,
      region,
      name: body.name,
      tags: body.tags,
      spec: {
        source: { region, bucket: id, key: body.source.key },
        format: body.format,
        architecture,
        firmware,
      },
      request: body,
      observed: { architecture, firmware },
    })
  },
})

const exportFile = endpoint({
  method: 'post',
  path: '/images/{id}/export',
  operationId: 'exportImage',
  tag: kind.tag,
  permission: kind.manage,
  summary: 'Export an image to a file',
  description:
    'To an object in a bucket of the same provider and region, through the vendor’s export service. The bucket must exist. The job’s `output` tells where the file is: `file.bucket`, `file.key`, `file.region`, with `format`, `size_bytes` and, where the cloud tells one, `checksum`.',
  query: resourceQuery,
  body: z.strictObject({ format, target: z.strictObject({ bucket, key }) }).openapi('ExportImage'),
  waits: true,
  answers: jobAnswers(kind),
  problems: ['resource_state', 'resource_busy', 'provider_disabled', 'capability_lacking'],
  async handle(call) {
    const { services, principal, param, query, body } = call
    const { tenantId } = principal
    const row = await findResource(services, tenantId, 'image', param('id'), query.provider_id)
    const { providerId, region } = row
    const { id } = await refOf(
      services,
      { tenantId, providerId, region },
      'bucket',
      'target.bucket',
      body.target.bucket,
    )
    return submitChange(call, row, {
      kind: 'image',
      job: 'image.export',
      operation: 'images.exportFile',
      verb: 'exported',
      input: { format: body.format, target: { region, bucket: id, key: body.target.key } },
    })
  },
})

export const imageEndpoints = [listOf(kind), create, importFile, getOf(kind), deleteOf(kind), exportFile]
