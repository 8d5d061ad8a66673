import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { createBuckets } from '#shared/clouds/azure/storage/buckets.ts'
import { createObjects } from '#shared/clouds/azure/storage/objects.ts'

/** What a subscription offers beside machines. */
export const createServices = (client: AzureClient) => ({
  buckets: createBuckets(client),
  objects: createObjects(client),
})
