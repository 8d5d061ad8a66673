import { z } from '@hono/zod-openapi'
import type { CloudResource } from '#db/entities/resource.ts'
import { resourceStates, type ResourceKind } from '#shared/resources/kinds.ts'
import { links, tags, time } from '#api/http/schemas.ts'
import type { Services } from '#api/services.ts'
import { linkTo } from '#api/views/links.ts'
import { detailsOf, detailSchemas } from '#api/views/resource-details.ts'

const common = {
  id: z.string(),
  cloud_id: z
    .string()
    .nullable()
    .openapi({ description: "The cloud's own id; null until the cloud has given one." }),
  name: z.string(),
  provider_id: z.string(),
  provider_type: z.string().nullable(),
  region: z.string(),
  state: z.enum(resourceStates),
  tags,
  found: z.boolean().openapi({ description: 'Not made here: a sync found it in the cloud.' }),
  created_at: time,
  updated_at: time,
  deleted_at: time.nullable(),
  links,
}

const schemaOf = <Details extends z.ZodRawShape>(name: string, details: Details) =>
  z.object({ ...common, ...details }).openapi(name)

/** How each kind is shown. */
export const resourceSchemas = {
  network: schemaOf('Network', detailSchemas.network),
  subnet: schemaOf('Subnet', detailSchemas.subnet),
  security_group: schemaOf('SecurityGroup', detailSchemas.security_group),
  address: schemaOf('Address', detailSchemas.address),
  volume: schemaOf('Volume', detailSchemas.volume),
  snapshot: schemaOf('Snapshot', detailSchemas.snapshot),
  image: schemaOf('Image', detailSchemas.image),
  bucket: schemaOf('Bucket', detailSchemas.bucket),
} as const satisfies Record<ResourceKind, z.ZodType>

/** Where each kind lives under the API. */
export const resourcePaths: Readonly<Record<ResourceKind, string>> = {
  network: '/networks',
  subnet: '/subnets',
  security_group: '/security-groups',
  address: '/addresses',
  volume: '/volumes',
  snapshot: '/snapshots',
  image: '/images',
  bucket: '/buckets',
}

/** What the view needs of a row; one that was asked for a moment ago has no more. */
export type ResourceFacts = Pick<
  CloudResource,
  'id' | 'kind' | 'providerId' | 'region' | 'name' | 'state' | 'tags' | 'observed' | 'createdAt' | 'updatedAt'
> &
  Partial<Pick<CloudResource, 'cloudId' | 'request' | 'found' | 'deletedAt'>>

/** Those of a row's members that the view needs. */
export const factsOf = (row: CloudResource): ResourceFacts => ({
  id: row.id,
  kind: row.kind,
  providerId: row.providerId,
  region: row.region,
  name: row.name,
  state: row.state,
  tags: row.tags,
  observed: row.observed,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
  ...(row.cloudId ? { cloudId: row.cloudId } : {}),
  found: row.found,
  ...(row.deletedAt ? { deletedAt: row.deletedAt } : {}),
})

export type ResourceView = Record<string, unknown> & { links: Record<string, string> }

/** A resource as the API shows it: the members that all kinds share, and those of its kind. */
export function resourceView(
  services: Pick<Services, 'config'>,
  row: ResourceFacts,
  providerType: string | undefined,
): ResourceView {
  const self = linkTo(services, `${resourcePaths[row.kind]}/${row.id}`)
  return {
    id: row.id,
    cloud_id: row.cloudId ?? null,
    name: row.name,
    provider_id: row.providerId,
    provider_type: providerType ?? null,
    region: row.region,
    state: row.state,
    tags: row.tags,
    found: row.found ?? false,
    ...detailsOf(row),
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
    deleted_at: row.deletedAt?.toISOString() ?? null,
    links: {
      self,
      provider: linkTo(services, `/providers/${encodeURIComponent(row.providerId)}`),
      jobs: linkTo(services, `/jobs?subject=${row.id}`),
      ...(row.kind === 'network' ? { subnets: `${self}/subnets` } : {}),
    },
  }
}
