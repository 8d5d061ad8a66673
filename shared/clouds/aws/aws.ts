import { noHosts } from '#shared/clouds/no-hosts.ts'
import type { Cloud, CloudSettings } from '#shared/clouds/port.ts'
import { awsCapabilities } from '#shared/clouds/aws/capabilities.ts'
import { createBilling } from '#shared/clouds/aws/billing/billing.ts'
import { createClients } from '#shared/clouds/aws/clients.ts'
import { createCompute } from '#shared/clouds/aws/compute/compute.ts'
import { createDisks } from '#shared/clouds/aws/disks/disks.ts'
import { createHealth } from '#shared/clouds/aws/health/health.ts'
import { createIdentity } from '#shared/clouds/aws/identity/identity.ts'
import { createImages } from '#shared/clouds/aws/images/images.ts'
import { createInventory } from '#shared/clouds/aws/inventory/inventory.ts'
import { machineKinds } from '#shared/clouds/aws/inventory/machine-kinds.ts'
import { networkKinds } from '#shared/clouds/aws/inventory/network-kinds.ts'
import { serviceKinds } from '#shared/clouds/aws/inventory/service-kinds.ts'
import { createMetrics } from '#shared/clouds/aws/metrics/metrics.ts'
import { createNetworks } from '#shared/clouds/aws/networks/networks.ts'
import { createPosture } from '#shared/clouds/aws/posture/posture.ts'
import { createPrices } from '#shared/clouds/aws/prices/prices.ts'
import { createQuotas } from '#shared/clouds/aws/quotas/quotas.ts'
import { createBuckets } from '#shared/clouds/aws/s3/buckets.ts'
import { createObjects } from '#shared/clouds/aws/s3/objects.ts'
import { parseAwsSettings } from '#shared/clouds/aws/settings.ts'
import { createVolumes } from '#shared/clouds/aws/volumes/volumes.ts'

/**
 * AWS: EC2 for machines and networks, the EBS direct APIs for disks, S3 for objects, and the services that tell of them. Makes no call, and loads
 * no SDK: each service's is loaded at its first call.
 * Throws CloudError `invalid_request` if the registration is not one.
 */
export async function openAws(settings: CloudSettings): Promise<Cloud> {
  const aws = createClients(parseAwsSettings(settings))
  const identity = createIdentity(aws)
  const compute = createCompute(aws, async () =>
    settings.regions.length > 0
      ? [...settings.regions]
      : (await identity.regions()).map((region) => region.id),
  )
  const objects = createObjects(aws)
  return {
    type: 'aws',
    capabilities: awsCapabilities,
    identity,
    compute,
    disks: createDisks(aws),
    images: createImages(aws),
    networks: createNetworks(aws),
    storage: { volumes: createVolumes(aws), buckets: createBuckets(aws), objects },
    hosts: noHosts('aws', awsCapabilities),
    inventory: createInventory(aws, [
      ...machineKinds(aws, compute.delete),
      ...serviceKinds(aws),
      ...networkKinds(aws),
    ]),
    metrics: createMetrics(aws),
    quotas: createQuotas(aws),
    prices: createPrices(aws),
    billing: createBilling(aws, objects),
    posture: createPosture(aws),
    health: createHealth(aws),
    close: aws.close,
  }
}
