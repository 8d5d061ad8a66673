import { defineChain, type Chain } from '#shared/jobs/chain.ts'
import { deliverStep, type DeliveryNeeds } from '#workers/webhooks/deliver.ts'

/** The chains of the `webhooks` pool, around the keys and the connections of their process. */
export const webhookChains = (needs: DeliveryNeeds): readonly Chain[] => [
  defineChain('webhook.deliver', [deliverStep(needs)]),
]
