import { defineChain, type Chain } from '#shared/jobs/chain.ts'
import { read } from '#workers/upkeep/read.ts'
import { syncSteps } from '#workers/upkeep/sync/steps.ts'
import { checkProvider } from '#workers/upkeep/check-provider.ts'

/** The chains of the `upkeep` pool. */
export const upkeepChains: readonly Chain[] = [
  defineChain('provider.check', [checkProvider], {
    output: ({ health }) => ({ health }),
  }),
  defineChain('provider.sync', syncSteps, { output: (counts) => counts }),
  defineChain('cloud.read', [read]),
]
