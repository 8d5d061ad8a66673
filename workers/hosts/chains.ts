import { defineChain, type Chain } from '#shared/jobs/chain.ts'
import { close, empty, open } from '#workers/hosts/drain.ts'

/** What is done to hosts of the user's own; part of the `provisioning` pool. */
export const hostChains: readonly Chain[] = [
  defineChain('host.drain', [close, empty], { output: ({ moved }) => ({ moved }) }),
  defineChain('host.open', [open]),
]
