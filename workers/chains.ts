import type { Chain } from '#shared/jobs/chain.ts'
import type { Pool } from '#shared/jobs/types.ts'

/** The chains of each pool, loaded only in a process that serves the pool. Loading proves them: a faulty chain stops the start. */
const chainsOf: Record<Pool, () => Promise<readonly Chain[]>> = {
  provisioning: async () => (await import('#workers/provisioning/chains.ts')).provisioningChains,
  migration: async () => (await import('#workers/migration/chains.ts')).migrationChains,
  webhooks: async () => (await import('#workers/webhooks/chains.ts')).webhookChains,
  upkeep: async () => (await import('#workers/upkeep/chains.ts')).upkeepChains,
}

export async function loadChains(pools: readonly Pool[]): Promise<Chain[]> {
  return (await Promise.all(pools.map((pool) => chainsOf[pool]()))).flat()
}
