import { noHosts } from '#shared/clouds/no-hosts.ts'
import type { Cloud, CloudSettings } from '#shared/clouds/port.ts'
import { createBilling } from '#shared/clouds/gcp/billing/billing.ts'
import { gcpCapabilities } from '#shared/clouds/gcp/capabilities.ts'
import { connect } from '#shared/clouds/gcp/client.ts'
import { createCompute } from '#shared/clouds/gcp/compute/compute.ts'
import { createDisks } from '#shared/clouds/gcp/disks/disks.ts'
import { createStaging } from '#shared/clouds/gcp/disks/staging.ts'
import { createHealth } from '#shared/clouds/gcp/health/health.ts'
import { createIdentity } from '#shared/clouds/gcp/identity/identity.ts'
import { createImages } from '#shared/clouds/gcp/images/images.ts'
import { createInventory } from '#shared/clouds/gcp/inventory/inventory.ts'
import { createMetrics } from '#shared/clouds/gcp/metrics/metrics.ts'
import { createNetworks } from '#shared/clouds/gcp/networks/networks.ts'
import { createPosture } from '#shared/clouds/gcp/posture/posture.ts'
import { createPrices } from '#shared/clouds/gcp/prices/prices.ts'
import { createQuotas } from '#shared/clouds/gcp/quotas/quotas.ts'
import { parseGcpSettings } from '#shared/clouds/gcp/settings.ts'
import { createStorage } from '#shared/clouds/gcp/storage/storage.ts'

/**
 * Google Cloud: Compute Engine for machines, Cloud Storage and Cloud Build for the bytes of disks. Makes no call, and loads the SDK of a
 * service at its first use.
 * @throws CloudError `invalid_request` if the registration is not one.
 */
export async function openGcp(settings: CloudSettings): Promise<Cloud> {
  const gcp = await connect(parseGcpSettings(settings))
  const storage = createStorage(gcp)
  const staging = createStaging(gcp)
  const disks = createDisks(gcp, staging)
  const compute = createCompute(gcp, disks.deleteDisk)
  const networks = createNetworks(gcp)
  const inventory = createInventory(gcp, storage.gcs, staging, {
    deleteVm: compute.delete,
    deleteSnapshot: disks.deleteSnapshot,
    networks,
    storage: storage.facet,
  })
  return {
    type: 'gcp',
    capabilities: gcpCapabilities,
    identity: createIdentity(gcp),
    compute,
    disks,
    images: createImages(gcp, storage.objects),
    networks,
    storage: storage.facet,
    hosts: noHosts('gcp', gcpCapabilities),
    inventory,
    metrics: createMetrics(gcp),
    quotas: createQuotas(gcp),
    prices: createPrices(gcp, compute.sizes),
    billing: createBilling(gcp),
    posture: createPosture(gcp, storage.gcs),
    health: createHealth(gcp),
    close: gcp.close,
  }
}
