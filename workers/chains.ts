import type { Chain } from '#shared/jobs/chain.ts'
import type { Pool } from '#shared/jobs/types.ts'
import type { DeliveryNeeds } from '#workers/webhooks/deliver.ts'

/** The chains of each pool, loaded only in a process that serves the pool. Loading proves them: a faulty chain stops the start. */
const chainsOf: Record<Pool, (needs: ChainNeeds) => Promise<readonly Chain[]>> = {
  provisioning: async () => (await import('#workers/provisioning/chains.ts')).provisioningChains,
  migration: async () => (await import('#workers/migration/chains.ts')).migrationChains,
  webhooks: async (needs) => (await import('#workers/webhooks/chains.ts')).webhookChains(needs),
  upkeep: async () => (await import('#workers/upkeep/chains.ts')).upkeepChains,
}

/** What chains use of their process, beyond what every step is handed. */
export type ChainNeeds = DeliveryNeeds

export async function loadChains(pools: readonly Pool[], needs: ChainNeeds): Promise<Chain[]> {
  return (await Promise.all(pools.map((pool) => chainsOf[pool](needs)))).flat()
}
