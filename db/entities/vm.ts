import { defineEntity, p } from '@mikro-orm/core'
import type { CloudVm } from '#shared/clouds/port.ts'

/** What the cloud last said of a VM, beyond the columns that can be filtered on. */
export type ObservedVm = Partial<Omit<CloudVm, 'id' | 'region' | 'name' | 'state' | 'tags' | 'createdAt'>>

/** A VM under NovaCron's care. `vmId` is the cloud's own id, null until the cloud has given one. */
export const MulticloudVmSchema = defineEntity({
  name: 'MulticloudVm',
  tableName: 'multicloud_vms',
  indexes: [{ properties: ['tenantId', 'createdAt', 'id'], name: 'multicloud_vms_listing' }],
  uniques: [{ properties: ['tenantId', 'providerId', 'vmId'], name: 'multicloud_vms_cloud_id' }],
  properties: {
    id: p.string().length(255).primary(),
    tenantId: p.text(),
    providerId: p.string().length(255),
    vmId: p.string().length(255).nullable(),
    name: p.string().length(255),
    region: p.string().length(100),
    instanceType: p.string().length(100).nullable(),
    state: p.string().length(50),
    tags: p.json<Record<string, string>>(),
    observed: p.json<ObservedVm>(),
    request: p.json<Record<string, unknown>>().nullable(),
    /** Rises with every accepted change: its ETag. */
    version: p.integer().default(1),
    /** Not made here: a sync found it in the cloud. */
    found: p.boolean().default(false),
    deletedAt: p.datetime(3).nullable(),
    createdAt: p.datetime(3).defaultRaw('now()'),
    updatedAt: p.datetime(3).defaultRaw('now()'),
  },
})

export class MulticloudVm extends MulticloudVmSchema.class {}
MulticloudVmSchema.setClass(MulticloudVm)
