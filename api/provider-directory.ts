import type { Pool } from 'pg'
import { driverOf } from '#shared/clouds/capabilities.ts'
import type { ProviderConfig, ProviderHealth } from '#db/entities/provider.ts'

/** What deciding about a request needs to know of a provider. */
export interface ProviderEntry {
  id: string
  type: string
  driver: string | undefined
  enabled: boolean
  regions: readonly string[]
  defaultRegion: string | undefined
  /** Whether a VM can be made of no image in particular: clouds have one, hosts of one's own where it is set. */
  hasDefaultImage: boolean
  health: ProviderHealth['status']
}

/**
 * The providers of each tenant, kept for a moment so that accepting a VM costs no query. What is decided here may be a moment old:
 * the job looks at the provider again.
 */
export interface ProviderDirectory {
  /** In the order in which they were registered. */
  of(tenantId: string): Promise<readonly ProviderEntry[]> | readonly ProviderEntry[]
  /** Forgets a tenant's providers, after a change. */
  forget(tenantId: string): void
}

export function providerDirectory(pool: Pool, now: () => number = Date.now): ProviderDirectory {
  const known = new Map<string, { entries: readonly ProviderEntry[]; untilMs: number }>()

  const read = async (tenantId: string) => {
    const { rows } = await pool.query<Row>({ name: 'providers-of-tenant', text: sql, values: [tenantId] })
    const entries = rows.map(entryOf)
    if (known.size >= tenantsKept) known.delete(known.keys().next().value ?? '')
    known.set(tenantId, { entries, untilMs: now() + keepMs })
    return entries
  }

  return {
    of(tenantId) {
      const entry = known.get(tenantId)
      return entry && now() < entry.untilMs ? entry.entries : read(tenantId)
    },
    forget: (tenantId) => void known.delete(tenantId),
  }
}

const keepMs = 2000
const tenantsKept = 10_000
const sql =
  'select id, type, enabled, config, health from cloud_providers where tenant_id = $1 order by created_at, id'

interface Row {
  id: string
  type: string
  enabled: boolean
  config: ProviderConfig
  health: ProviderHealth | null
}

const entryOf = ({ id, type, enabled, config, health }: Row): ProviderEntry => ({
  id,
  type,
  driver: driverOf(config.options),
  enabled,
  regions: config.regions,
  defaultRegion: config.default_region,
  hasDefaultImage: type !== 'on-premise' || config.options['default_image'] !== undefined,
  health: health?.status ?? 'unknown',
})
