import { z } from '@hono/zod-openapi'
import { CloudResource } from '#db/entities/resource.ts'
import { assertProviderCan } from '#api/http/capability.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { ApiError } from '#api/http/problem.ts'
import { nameField, placedBody, zoneField } from '#api/routes/resources/body.ts'
import { deleteOf } from '#api/routes/resources/delete.ts'
import { findResource, providerFor, resourceQuery } from '#api/routes/resources/find.ts'
import { kindsOfRoutes } from '#api/routes/resources/kinds.ts'
import { getOf, list, listQuery, listSchema } from '#api/routes/resources/list.ts'
import { assertSubnetsFit } from '#api/routes/resources/network-input.ts'
import { jobAnswers, submitCreation } from '#api/routes/resources/submit.ts'

const kind = kindsOfRoutes.subnet

const listOfNetwork = endpoint({
  method: 'get',
  path: '/networks/{id}/subnets',
  operationId: 'listSubnets',
  tag: kind.tag,
  permission: kind.read,
  summary: 'List a network’s subnets',
  query: listQuery,
  answers: { 200: { description: 'One page.', schema: listSchema(kind) } },
  async handle(call) {
    const { services, principal, param, query } = call
    const network = await findResource(
      services,
      principal.tenantId,
      'network',
      param('id'),
      query.provider_id,
    )
    return list(call, kind, {
      providerId: network.providerId,
      region: network.region,
      observed: { $contains: { network: network.cloudId ?? 'not made yet' } },
    })
  },
})

const create = endpoint({
  method: 'post',
  path: '/networks/{id}/subnets',
  operationId: 'createSubnet',
  tag: kind.tag,
  permission: kind.manage,
  summary: 'Create a subnet',
  query: resourceQuery,
  body: z
    .strictObject({
      name: nameField,
      cidr: z.string().max(64).openapi({ example: '10.20.1.0/24' }),
      zone: zoneField,
      tags: placedBody.tags,
    })
    .openapi('CreateSubnet'),
  waits: true,
  answers: jobAnswers(kind),
  problems: ['resource_state', 'provider_disabled', 'capability_lacking'],
  async handle(call) {
    const { services, principal, param, query, body } = call
    const { tenantId } = principal
    const network = await findResource(services, tenantId, 'network', param('id'), query.provider_id)
    const { provider, region } = await providerFor(services, tenantId, network.providerId, network.region)
    assertProviderCan(provider, ['networks.subnets.create'])
    const { cloudId } = network
    if (!cloudId || network.state !== 'available')
      throw new ApiError('resource_state', `The network is ${network.state}, so it takes no subnet.`, {
        remedy: 'Wait until it is available, or use another.',
        details: { state: network.state },
      })
    assertSubnetsFit(
      { field: 'cidr', cidr: rangeOf(network) ?? body.cidr },
      [{ field: 'cidr', cidr: body.cidr }],
      await rangesTaken(call.services, network),
    )
    const zone = body.zone === undefined ? {} : { zone: body.zone }
    return submitCreation(call, {
      kind: 'subnet',
      job: 'subnet.create',
      provider,
      region,
      name: body.name,
      tags: body.tags,
      spec: { network: { region, id: cloudId }, cidr: body.cidr, ...zone },
      request: body,
      observed: { network: cloudId, cidr: body.cidr, ...zone },
    })
  },
})

export const subnetEndpoints = [listOfNetwork, create, getOf(kind), deleteOf(kind)]

/** The range that subnets must lie in; of a network with several, or none of its own, the cloud will judge. */
function rangeOf({ observed }: CloudResource): string | undefined {
  const cidrs: unknown = observed['cidrs']
  return Array.isArray(cidrs) && cidrs.length === 1 ? String(cidrs[0]) : undefined
}

async function rangesTaken(
  { orm }: Parameters<typeof findResource>[0],
  { tenantId, providerId, region, cloudId }: CloudResource,
): Promise<string[]> {
  const siblings = await orm.em.fork().find(CloudResource, {
    tenantId,
    kind: 'subnet',
    providerId,
    region,
    deletedAt: null,
    observed: { $contains: { network: cloudId ?? '' } },
  })
  return siblings.flatMap(({ observed }) => (typeof observed['cidr'] === 'string' ? [observed['cidr']] : []))
}
