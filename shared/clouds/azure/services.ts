import { createBilling } from '#shared/clouds/azure/billing/billing.ts'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { createHealth } from '#shared/clouds/azure/health/health.ts'
import { createImages } from '#shared/clouds/azure/images/images.ts'
import { createMetrics } from '#shared/clouds/azure/metrics/metrics.ts'
import { createPosture } from '#shared/clouds/azure/posture/posture.ts'
import { createPrices } from '#shared/clouds/azure/prices/prices.ts'
import { createQuotas } from '#shared/clouds/azure/quotas/quotas.ts'
import { createBuckets } from '#shared/clouds/azure/storage/buckets.ts'
import { createObjects } from '#shared/clouds/azure/storage/objects.ts'

/** What a subscription offers beside machines. */
export function createServices(client: AzureClient) {
  const images = createImages(client)
  return {
    buckets: createBuckets(client),
    objects: createObjects(client),
    images,
    metrics: createMetrics(client),
    quotas: createQuotas(client),
    prices: createPrices(client),
    billing: createBilling(client),
    posture: createPosture(client, { images }),
    health: createHealth(client),
  }
}
