import { z } from '@hono/zod-openapi'
import { CloudResource } from '#db/entities/resource.ts'
import type { ProviderEntry } from '#api/provider-directory.ts'
import { ApiError, invalid, notFound } from '#api/http/problem.ts'
import { guess } from '#api/http/wording.ts'
import type { Services } from '#api/services.ts'
import type { CloudRef } from '#shared/clouds/port.ts'
import { kindOfId, type ResourceKind } from '#shared/resources/kinds.ts'

/** Lets a resource be named by the cloud's own id. */
export const resourceQuery = z.strictObject({
  provider_id: z.string().min(1).max(255).optional().openapi({
    description: 'With it, the id in the path may be the cloud’s own id at this provider.',
  }),
})

export const nounOf = (kind: ResourceKind): string => kind.replace('_', ' ')
const aNoun = (kind: ResourceKind): string => `${/^[ai]/.test(kind) ? 'an' : 'a'} ${nounOf(kind)}`

/** A resource of the tenant, by our id or by a provider's; of the cloud's ids the live one wins. @throws ApiError `not_found`. */
export async function findResource(
  { orm }: Pick<Services, 'orm'>,
  tenantId: string,
  kind: ResourceKind,
  id: string,
  providerId: string | undefined,
): Promise<CloudResource> {
  const [row] = await orm.em.fork().find(
    CloudResource,
    {
      tenantId,
      kind,
      ...(providerId === undefined ? { id } : { providerId, $or: [{ id }, { cloudId: id }] }),
    },
    { orderBy: [{ deletedAt: 'desc nulls first' }, { createdAt: 'desc' }], limit: 1 },
  )
  if (!row) throw notFound(nounOf(kind))
  return row
}

/**
 * What a field of a body means in the cloud: our id of a live resource at this provider and region, or else the cloud's own id, which the cloud
 * will judge.
 * @throws ApiError `validation_failed` for an id of ours that is nobody's, or elsewhere, or not made yet.
 */
export async function refOf(
  { orm }: Pick<Services, 'orm'>,
  where: { tenantId: string; providerId: string; region: string },
  kind: ResourceKind,
  field: string,
  id: string,
): Promise<CloudRef> {
  const { tenantId, providerId, region } = where
  if (kindOfId(id) === undefined || !/_[0-9a-f]{8}-/.test(id)) return { region, id }
  const row = await orm.em.fork().findOne(CloudResource, { tenantId, kind, id, deletedAt: null })
  const fault = (reason: string, remedy: string) => invalid([{ field, reason, remedy }])
  if (!row) throw fault(`names no ${nounOf(kind)}`, 'List what there is, or give the cloud’s own id.')
  if (row.providerId !== providerId || row.region !== region)
    throw fault(
      `names ${aNoun(kind)} of ${row.providerId} in ${row.region}`,
      `Name one of ${providerId} in ${region}.`,
    )
  if (!row.cloudId)
    throw fault(`names ${aNoun(kind)} that the cloud has not made yet`, 'Wait until its job has finished.')
  return { region, id: row.cloudId }
}

/** A provider that is registered and enabled, and the region to use. @throws ApiError `validation_failed` or `provider_disabled`. */
export async function providerFor(
  { providers }: Pick<Services, 'providers'>,
  tenantId: string,
  providerId: string,
  region: string | undefined,
  part: '' | 'query.' = '',
): Promise<{ provider: ProviderEntry; region: string }> {
  const all = await providers.of(tenantId)
  const provider = all.find(({ id }) => id === providerId)
  if (!provider)
    throw invalid([
      {
        field: `${part}provider_id`,
        reason: 'names no registered provider',
        remedy:
          all.length > 0
            ? `${guess(
                providerId,
                all.map(({ id }) => id),
              )}Use one of: ${all
                .slice(0, 20)
                .map(({ id }) => id)
                .join(', ')}.`
            : 'Register a provider first: POST /api/multicloud/providers.',
      },
    ])
  assertEnabled(provider)
  const chosen = region ?? provider.defaultRegion ?? provider.regions[0] ?? ''
  if (!provider.regions.includes(chosen))
    throw invalid([
      {
        field: `${part}region`,
        reason: `is not a region of ${provider.id}`,
        remedy: `${guess(chosen, provider.regions)}Use one of: ${provider.regions.join(', ')}.`,
      },
    ])
  return { provider, region: chosen }
}

/** @throws ApiError `provider_disabled`. */
export function assertEnabled({ id, enabled }: Pick<ProviderEntry, 'id' | 'enabled'>): void {
  if (!enabled)
    throw new ApiError('provider_disabled', `The provider "${id}" is disabled.`, {
      remedy: `Enable it with PUT /api/multicloud/providers/${id}.`,
    })
}
