import { z } from '@hono/zod-openapi'
import { assertProviderCan } from '#api/http/capability.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { nameField, placedBody } from '#api/routes/resources/body.ts'
import { submitChange } from '#api/routes/resources/change.ts'
import { deleteOf } from '#api/routes/resources/delete.ts'
import { findResource, providerFor, resourceQuery } from '#api/routes/resources/find.ts'
import { kindsOfRoutes } from '#api/routes/resources/kinds.ts'
import { getOf, listOf } from '#api/routes/resources/list.ts'
import { onVmBody, vmBeside, vmHolding } from '#api/routes/resources/on-vm.ts'
import { jobAnswers, submitCreation } from '#api/routes/resources/submit.ts'

const kind = kindsOfRoutes.address

const create = endpoint({
  method: 'post',
  path: kind.path,
  operationId: 'createAddress',
  tag: kind.tag,
  permission: kind.manage,
  summary: 'Keep a public address',
  description: 'It stays yours, and costs, until it is deleted, whether or not it leads to a VM.',
  body: z.strictObject({ ...placedBody, name: nameField }).openapi('CreateAddress'),
  waits: true,
  answers: jobAnswers(kind),
  problems: ['provider_disabled', 'capability_lacking'],
  async handle(call) {
    const { services, principal, body } = call
    const { tenantId } = principal
    const { provider, region } = await providerFor(services, tenantId, body.provider_id, body.region)
    assertProviderCan(provider, ['networks.addresses.create'])
    return submitCreation(call, {
      kind: 'address',
      job: 'address.create',
      provider,
      region,
      name: body.name,
      tags: body.tags,
      spec: {},
      request: body,
    })
  },
})

const associate = endpoint({
  method: 'post',
  path: `${kind.path}/{id}/associate`,
  operationId: 'associateAddress',
  tag: kind.tag,
  permission: kind.manage,
  summary: 'Lead an address to a VM',
  description: 'To the VM’s first interface, in place of the public address that it may have.',
  query: resourceQuery,
  body: onVmBody,
  waits: true,
  answers: jobAnswers(kind),
  problems: ['resource_state', 'resource_busy', 'vm_state', 'provider_disabled', 'capability_lacking'],
  async handle(call) {
    const { services, principal, param, query, body } = call
    const { tenantId } = principal
    const row = await findResource(services, tenantId, 'address', param('id'), query.provider_id)
    return submitChange(call, row, {
      kind: 'address',
      job: 'address.associate',
      operation: 'networks.addresses.associate',
      verb: 'led to a VM',
      input: { vm: await vmBeside(services, tenantId, row, body.vm_id) },
    })
  },
})

const disassociate = endpoint({
  method: 'post',
  path: `${kind.path}/{id}/disassociate`,
  operationId: 'disassociateAddress',
  tag: kind.tag,
  permission: kind.manage,
  summary: 'Take an address from its VM',
  description: 'One that leads nowhere is left as it is.',
  query: resourceQuery,
  waits: true,
  answers: jobAnswers(kind),
  problems: ['resource_state', 'resource_busy', 'provider_disabled', 'capability_lacking'],
  async handle(call) {
    const { services, principal, param, query } = call
    const row = await findResource(services, principal.tenantId, 'address', param('id'), query.provider_id)
    return submitChange(call, row, {
      kind: 'address',
      job: 'address.disassociate',
      operation: 'networks.addresses.disassociate',
      verb: 'taken from a VM',
      input: await vmHolding(services, row),
    })
  },
})

export const addressEndpoints = [listOf(kind), create, getOf(kind), deleteOf(kind), associate, disassociate]
