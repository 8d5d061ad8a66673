import { defineChain, type Chain } from '#shared/jobs/chain.ts'
import { checkProvider } from '#workers/upkeep/check-provider.ts'

/** The chains of the `upkeep` pool. */
export const upkeepChains: readonly Chain[] = [
  defineChain('provider.check', [checkProvider], {
    output: ({ health }) => ({ health }),
  }),
]
