import type { Pool } from 'pg'
import type { ProviderConfig } from '#db/entities/provider.ts'
import type { CloudType } from '#shared/clouds/port.ts'
import { inTransaction } from '#db/transaction.ts'
import { providerCredential, storeCredentials, type Credentials } from '#shared/secrets/credentials.ts'
import type { Keyring } from '#shared/secrets/keyring.ts'
import type { StartedCloud } from '#test/clouds/core/types.ts'

export interface Registration extends Partial<ProviderConfig> {
  id: string
  type: CloudType
  credentials: Credentials
  tenantId?: string
}

/** What a loopback cloud is registered with, quick to poll. `settleMs`: how long what was just created may be missing from its lists. */
export const registrationOf = (
  cloud: StartedCloud,
  id: string,
  type: CloudType,
  settleMs: number,
): Registration => ({
  id,
  type,
  credentials: cloud.credentials,
  regions: cloud.regions,
  endpoints: cloud.endpoints,
  options: { ...cloud.options, poll_ms: 10, consistency_ms: settleMs, request_timeout_ms: 10_000 },
})

/** Puts a provider into the books, as the API does it. */
export async function register(db: Pool, keyring: Keyring, provider: Registration): Promise<void> {
  const { id, type, credentials, tenantId = 'acme' } = provider
  const { regions = [], endpoints = {}, options = {} } = provider
  await db.query('insert into tenants (id, name) values ($1, $1) on conflict do nothing', [tenantId])
  await db.query(
    'insert into cloud_providers (tenant_id, id, name, type, config) values ($1, $2, $2, $3, $4)',
    [tenantId, id, type, JSON.stringify({ regions, endpoints, options })],
  )
  await inTransaction(db, async (client) => {
    await storeCredentials(client, keyring, tenantId, providerCredential(id), credentials)
    return true
  })
}
