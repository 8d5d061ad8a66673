import type { Pool } from 'pg'
import type { ProviderConfig } from '#db/entities/provider.ts'
import { openCallBook, type CallBook } from '#shared/clouds/calls/book.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { Cloud, CloudType } from '#shared/clouds/port.ts'
import { openCloud } from '#shared/clouds/registry.ts'
import { openCredentials, providerCredential } from '#shared/secrets/credentials.ts'
import type { Keyring } from '#shared/secrets/keyring.ts'

export interface Providers {
  /** Opens a tenant's provider; the same registration opens once per process. Throws CloudError when it is unknown or disabled. */
  open(tenantId: string, providerId: string): Promise<Cloud>
  /** Closes them all, once what was counted of their calls is written down. */
  close(): Promise<void>
}

/**
 * Opens clouds from their registrations. Credentials are unsealed here, in the worker, and live only in memory. The calls that are made to them
 * are written down for all to see, now and then and after each probe.
 */
export function createProviders(db: Pool, keyring: Keyring, workerId: string): Providers {
  const book = openCallBook(db, workerId)
  const opened = new Map<string, { version: string; cloud: Promise<Cloud> }>()
  return {
    async open(tenantId, providerId) {
      const row = await readProvider(db, tenantId, providerId)
      const version = `${row.version}.${row.credential_version}`
      const key = `${tenantId} ${providerId}`
      const known = opened.get(key)
      if (known?.version === version) return known.cloud
      const cloud = openFresh(db, keyring, workerId, tenantId, row, book)
      opened.set(key, { version, cloud })
      cloud.catch(() => opened.delete(key))
      return cloud
    },
    async close() {
      await book.close()
      for (const { cloud } of opened.values()) void cloud.then((one) => one.close()).catch(() => {})
      opened.clear()
    },
  }
}

interface ProviderRow {
  id: string
  type: CloudType
  config: ProviderConfig
  enabled: boolean
  version: number
  credential_version: number
}

async function readProvider(db: Pool, tenantId: string, providerId: string): Promise<ProviderRow> {
  const { rows } = await db.query<ProviderRow>(
    `select p.id, p.type, p.config, p.enabled, p.version, c.version as credential_version
     from cloud_providers p left join credentials c on c.tenant_id = p.tenant_id and c.id = $3
     where p.tenant_id = $1 and p.id = $2`,
    [tenantId, providerId, providerCredential(providerId)],
  )
  const [row] = rows
  if (row?.enabled) return row
  throw new CloudError(
    row ? `The provider "${providerId}" is disabled.` : `The provider "${providerId}" is not registered.`,
    {
      cloud: row?.type ?? 'on-premise',
      operation: 'open',
      code: row ? 'provider_disabled' : 'provider_unknown',
      remedy: row
        ? 'Enable it with PUT /api/multicloud/providers/{id}.'
        : 'Register it with POST /api/multicloud/providers.',
    },
  )
}

async function openFresh(
  db: Pool,
  keyring: Keyring,
  workerId: string,
  tenantId: string,
  row: ProviderRow,
  book: CallBook,
): Promise<Cloud> {
  const credentials = await openCredentials(db, keyring, tenantId, providerCredential(row.id))
  const cloud = await openCloud({
    providerId: row.id,
    type: row.type,
    credentials,
    regions: row.config.regions,
    defaultRegion: row.config.default_region,
    endpoints: row.config.endpoints,
    options: row.config.options,
    workerId,
    calls: book.of(tenantId, row.id),
  })
  const probe = async () => {
    const report = await cloud.health.probe()
    await book.flush()
    return report
  }
  return { ...cloud, health: { ...cloud.health, probe } }
}
