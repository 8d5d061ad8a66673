import { defineEntity, p } from '@mikro-orm/core'

/** An organisation. Everything else belongs to exactly one. */
export const TenantSchema = defineEntity({
  name: 'Tenant',
  tableName: 'tenants',
  properties: {
    id: p.text().primary(),
    name: p.text(),
    createdAt: p.datetime(3).defaultRaw('now()'),
  },
})

export class Tenant extends TenantSchema.class {}
TenantSchema.setClass(Tenant)
