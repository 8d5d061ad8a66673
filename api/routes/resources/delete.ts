import { z } from '@hono/zod-openapi'
import { endpoint, type Endpoint } from '#api/http/endpoint.ts'
import { ApiError } from '#api/http/problem.ts'
import { submitChange } from '#api/routes/resources/change.ts'
import { findResource, resourceQuery } from '#api/routes/resources/find.ts'
import type { KindOfRoute } from '#api/routes/resources/kinds.ts'
import { jobAnswers } from '#api/routes/resources/submit.ts'
import type { Services } from '#api/services.ts'
import { linkTo } from '#api/views/links.ts'
import { CloudResource } from '#db/entities/resource.ts'
import type { Operation } from '#shared/clouds/operations.ts'
import type { ResourceKind } from '#shared/resources/kinds.ts'

/** Deletes one of a kind. */
export const deleteOf = (kind: KindOfRoute): Endpoint =>
  endpoint({
    method: 'delete',
    path: `${kind.path}/{id}`,
    operationId: `delete${kind.name}`,
    tag: kind.tag,
    permission: kind.manage,
    summary: `Delete ${kind.article}`,
    description: descriptions[kind.kind] ?? 'What is in use is refused by the cloud; the job tells why.',
    query: kind.kind === 'bucket' ? bucketQuery : resourceQuery,
    waits: true,
    answers: jobAnswers(kind),
    problems: ['resource_state', 'resource_busy', 'provider_disabled', 'capability_lacking'],
    async handle(call) {
      const { services, principal, param, query } = call
      const row = await findResource(services, principal.tenantId, kind.kind, param('id'), query.provider_id)
      if (kind.kind === 'network') await assertNoSubnets(services, row)
      return submitChange(call, row, {
        kind: kind.kind,
        job: `${kind.kind}.delete`,
        operation: operations[kind.kind],
        verb: 'deleted',
        unmade: true,
        state: 'deleting',
        input: withObjects(query) ? { with_objects: true } : {},
        assertPossible: assertFree,
      })
    },
  })

const bucketQuery = resourceQuery.extend({
  with_objects: z
    .enum(['true', 'false'])
    .optional()
    .openapi({ description: 'Delete its objects too; else one that holds objects is refused.' }),
})

const withObjects = (query: object): boolean => 'with_objects' in query && query.with_objects === 'true'

const descriptions: Partial<Record<ResourceKind, string>> = {
  network: 'One without subnets: delete those first.',
  snapshot: 'Of a VM’s snapshot, all parts are deleted.',
  image: 'Deletes the image with the snapshots that it is made of.',
  bucket: 'An empty one, or with `with_objects=true` one with all that is in it.',
}

const operations: Record<ResourceKind, Operation> = {
  network: 'networks.delete',
  subnet: 'networks.subnets.delete',
  security_group: 'networks.securityGroups.delete',
  address: 'networks.addresses.delete',
  volume: 'storage.volumes.delete',
  snapshot: 'disks.deleteSnapshot',
  image: 'images.delete',
  bucket: 'storage.buckets.delete',
}

/** Some clouds would take the subnets along, others refuse after minutes: nowhere is a network deleted with what is in it. */
async function assertNoSubnets(
  services: Pick<Services, 'orm' | 'config'>,
  network: CloudResource,
): Promise<void> {
  const { tenantId, providerId, region, cloudId } = network
  if (!cloudId) return
  const subnets = await services.orm.em.fork().find(
    CloudResource,
    {
      tenantId,
      providerId,
      region,
      kind: 'subnet',
      deletedAt: null,
      state: { $nin: ['deleting', 'deleted'] },
      observed: { $contains: { network: cloudId } },
    },
    { limit: 6, orderBy: { name: 'asc' } },
  )
  if (subnets.length === 0) return
  const names = subnets.slice(0, 5).map(({ name }) => name)
  throw new ApiError(
    'resource_state',
    `The network has subnets: ${names.join(', ')}${subnets.length > 5 ? ', …' : ''}.`,
    {
      remedy: 'Delete them first: DELETE /api/multicloud/subnets/{id}.',
      details: { links: { subnets: linkTo(services, `/networks/${network.id}/subnets`) } },
    },
  )
}

/** What our row knows to be in use is refused at once. */
function assertFree({ kind, observed }: CloudResource): void {
  if (kind === 'volume' && typeof observed['vm'] === 'string')
    throw new ApiError('resource_state', `The volume is attached to ${observed['vm']}.`, {
      remedy: 'Detach it first: POST /api/multicloud/volumes/{id}/detach.',
      details: { attached_to: observed['vm'] },
    })
  if (kind === 'address' && typeof observed['vm'] === 'string')
    throw new ApiError('resource_state', `The address leads to ${observed['vm']}.`, {
      remedy: 'Take it from the VM first: POST /api/multicloud/addresses/{id}/disassociate.',
      details: { attached_to: observed['vm'] },
    })
  if (kind === 'network' && observed['isDefault'] === true)
    throw new ApiError('resource_state', 'This is the network that the cloud made for the account.', {
      remedy: 'Delete it in the cloud’s console if you really mean to; much depends on it.',
    })
}
