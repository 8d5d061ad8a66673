import type { Cloud, CloudSettings } from '#shared/clouds/port.ts'
import { awsCapabilities } from '#shared/clouds/aws/capabilities.ts'
import { createClients } from '#shared/clouds/aws/clients.ts'
import { createCompute } from '#shared/clouds/aws/compute/compute.ts'
import { createDisks } from '#shared/clouds/aws/disks/disks.ts'
import { createIdentity } from '#shared/clouds/aws/identity/identity.ts'
import { createInventory } from '#shared/clouds/aws/inventory/inventory.ts'
import { machineKinds } from '#shared/clouds/aws/inventory/machine-kinds.ts'
import { networkKinds } from '#shared/clouds/aws/inventory/network-kinds.ts'
import { createNetworks } from '#shared/clouds/aws/networks/networks.ts'
import { parseAwsSettings } from '#shared/clouds/aws/settings.ts'
import { createVolumes } from '#shared/clouds/aws/volumes/volumes.ts'

/**
 * AWS: EC2 for machines, the EBS direct APIs for disks. Loads its SDKs, makes no call.
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
  return {
    type: 'aws',
    capabilities: awsCapabilities,
    identity,
    compute,
    disks: createDisks(aws),
    networks: createNetworks(aws),
    storage: { volumes: createVolumes(aws) },
    inventory: createInventory(aws, [...machineKinds(aws, compute.delete), ...networkKinds(aws)]),
    close: aws.close,
  }
}
