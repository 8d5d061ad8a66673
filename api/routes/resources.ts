import type { Endpoint } from '#api/http/endpoint.ts'
import { getVmMetrics } from '#api/routes/readings/metrics.ts'
import { listPrices } from '#api/routes/readings/prices.ts'
import { listQuotas } from '#api/routes/readings/quotas.ts'
import { addressEndpoints } from '#api/routes/resources/addresses.ts'
import { bucketEndpoints } from '#api/routes/resources/buckets.ts'
import { imageEndpoints } from '#api/routes/resources/images.ts'
import { networkEndpoints } from '#api/routes/resources/networks.ts'
import { securityGroupEndpoints } from '#api/routes/resources/security-groups.ts'
import { snapshotEndpoints } from '#api/routes/resources/snapshots.ts'
import { subnetEndpoints } from '#api/routes/resources/subnets.ts'
import { volumeEndpoints } from '#api/routes/resources/volumes.ts'

/** What tenants have in their clouds beside VMs, and what is read from there. */
export const resourceEndpoints: readonly Endpoint[] = [
  ...networkEndpoints,
  ...subnetEndpoints,
  ...securityGroupEndpoints,
  ...addressEndpoints,
  ...volumeEndpoints,
  ...snapshotEndpoints,
  ...imageEndpoints,
  ...bucketEndpoints,
  getVmMetrics,
  listQuotas,
  listPrices,
]
