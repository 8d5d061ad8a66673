import { defineEntity, p } from '@mikro-orm/core'
import { Tenant } from '#db/entities/tenant.ts'

/** What a provider was registered with, less its credentials. */
export interface ProviderConfig {
  regions: string[]
  default_region?: string
  endpoints: Record<string, string>
  options: Record<string, unknown>
  /** Names of the credential fields that are sealed. */
  credential_fields?: string[]
}

/** Last answer of the provider's control plane. */
export interface ProviderHealth {
  status: 'unknown' | 'healthy' | 'degraded' | 'unhealthy'
  checked_at?: string
  latency_ms?: number
  account_id?: string
  message?: string
  code?: string
}

/** A registered cloud account. The id is chosen by a person (`aws-prod`) and is unique within its tenant. */
export const CloudProviderSchema = defineEntity({
  name: 'CloudProvider',
  tableName: 'cloud_providers',
  properties: {
    tenantId: () => p.manyToOne(Tenant).mapToPk().primary().joinColumn('tenant_id'),
    id: p.string().length(255).primary(),
    name: p.string().length(255),
    type: p.string().length(50),
    config: p.json<ProviderConfig>(),
    health: p.json<ProviderHealth>().nullable(),
    enabled: p.boolean().default(true),
    version: p.integer().default(1),
    createdAt: p.datetime(3).defaultRaw('now()'),
    updatedAt: p.datetime(3).defaultRaw('now()'),
  },
})

export class CloudProvider extends CloudProviderSchema.class {}
CloudProviderSchema.setClass(CloudProvider)

/** A provider's credentials, sealed (see shared/secrets/seal.ts). Opened only by workers. */
export const CredentialSchema = defineEntity({
  name: 'Credential',
  tableName: 'credentials',
  properties: {
    tenantId: p.text().primary(),
    id: p.text().primary(),
    keyId: p.text(),
    sealed: p.blob(),
    version: p.integer().default(1),
    updatedAt: p.datetime(3).defaultRaw('now()'),
  },
})

export class Credential extends CredentialSchema.class {}
CredentialSchema.setClass(Credential)
