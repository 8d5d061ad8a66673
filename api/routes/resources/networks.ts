import { z } from '@hono/zod-openapi'
import { assertProviderCan } from '#api/http/capability.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { nameField, placedBody, zoneField } from '#api/routes/resources/body.ts'
import { deleteOf } from '#api/routes/resources/delete.ts'
import { providerFor } from '#api/routes/resources/find.ts'
import { kindsOfRoutes } from '#api/routes/resources/kinds.ts'
import { getOf, listOf } from '#api/routes/resources/list.ts'
import { assertSubnetsFit } from '#api/routes/resources/network-input.ts'
import { jobAnswers, submitCreation } from '#api/routes/resources/submit.ts'
import { newId } from '#shared/ids.ts'

const kind = kindsOfRoutes.network

const create = endpoint({
  method: 'post',
  path: '/networks',
  operationId: 'createNetwork',
  tag: kind.tag,
  permission: kind.manage,
  summary: 'Create a network',
  description:
    'A VPC or virtual network with its subnets. VMs in them can reach the internet; what may reach them is for security groups to say.',
  body: z
    .strictObject({
      ...placedBody,
      name: nameField,
      cidr: z.string().max(64).openapi({ example: '10.20.0.0/16' }),
      subnets: z
        .array(z.strictObject({ name: nameField, cidr: z.string().max(64), zone: zoneField }))
        .max(50)
        .default([]),
    })
    .openapi('CreateNetwork'),
  waits: true,
  answers: jobAnswers(kind),
  problems: ['provider_disabled', 'capability_lacking'],
  async handle(call) {
    const { services, principal, body } = call
    assertSubnetsFit(
      { field: 'cidr', cidr: body.cidr },
      body.subnets.map(({ cidr }, nr) => ({ field: `subnets[${nr}].cidr`, cidr })),
    )
    const { provider, region } = await providerFor(
      services,
      principal.tenantId,
      body.provider_id,
      body.region,
    )
    assertProviderCan(provider, [
      'networks.create',
      ...(body.subnets.length > 0 ? (['networks.subnets.create'] as const) : []),
    ])
    const subnets = body.subnets.map(({ zone, ...subnet }) => ({
      resource_id: newId('sub'),
      ...subnet,
      ...(zone === undefined ? {} : { zone }),
    }))
    return submitCreation(call, {
      kind: 'network',
      job: 'network.create',
      provider,
      region,
      name: body.name,
      tags: body.tags,
      spec: { cidr: body.cidr, subnets },
      request: body,
      observed: { cidrs: [body.cidr] },
      others: subnets.map(({ resource_id: id, name, cidr, zone }) => ({
        kind: 'subnet',
        id,
        name,
        observed: { cidr, ...(zone === undefined ? {} : { zone }) },
      })),
    })
  },
})

export const networkEndpoints = [listOf(kind), create, getOf(kind), deleteOf(kind)]
