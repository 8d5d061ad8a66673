import { defineEntity, p } from '@mikro-orm/core'
import type { ResourceKind, ResourceState } from '#shared/resources/kinds.ts'

/** A network, volume, image or the like in a tenant's cloud. `cloudId` is the cloud's own id, null until the cloud has given one. */
export const CloudResourceSchema = defineEntity({
  name: 'CloudResource',
  tableName: 'cloud_resources',
  indexes: [{ properties: ['tenantId', 'kind', 'createdAt', 'id'], name: 'cloud_resources_listing' }],
  // Clouds whose ids are names give a deleted one's id to the next of that name.
  uniques: [
    {
      properties: ['tenantId', 'providerId', 'kind', 'region', 'cloudId'],
      name: 'cloud_resources_cloud_id',
      where: 'deleted_at is null',
    },
  ],
  properties: {
    id: p.text().primary(),
    tenantId: p.text(),
    providerId: p.text(),
    kind: p.text().$type<ResourceKind>(),
    cloudId: p.text().nullable(),
    region: p.text(),
    name: p.text(),
    state: p.text().$type<ResourceState>(),
    /** The user's; owner tags are left out. */
    tags: p.json<Record<string, string>>(),
    /** What the cloud last said of it, beyond the columns: the members of the port's type for its kind. */
    observed: p.json<Record<string, unknown>>(),
    request: p.json<Record<string, unknown>>().nullable(),
    /** Rises with every accepted change, and when a sync finds it changed: its ETag. */
    version: p.integer().default(1),
    /** Not made here: a sync found it in the cloud. */
    found: p.boolean().default(false),
    createdAt: p.datetime(3).defaultRaw('now()'),
    updatedAt: p.datetime(3).defaultRaw('now()'),
    deletedAt: p.datetime(3).nullable(),
  },
})

export class CloudResource extends CloudResourceSchema.class {}
CloudResourceSchema.setClass(CloudResource)
