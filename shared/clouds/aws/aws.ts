import type { Cloud, CloudSettings } from '#shared/clouds/port.ts'
import { createClients } from '#shared/clouds/aws/clients.ts'
import { createCompute } from '#shared/clouds/aws/compute/compute.ts'
import { createDisks } from '#shared/clouds/aws/disks/disks.ts'
import { createIdentity } from '#shared/clouds/aws/identity/identity.ts'
import { createInventory } from '#shared/clouds/aws/inventory/inventory.ts'
import { parseAwsSettings } from '#shared/clouds/aws/settings.ts'

/**
 * AWS: EC2 for machines, the EBS direct APIs for disks. Loads its SDKs, makes no call.
 * Throws CloudError `invalid_request` if the registration is not one.
 */
export async function openAws(settings: CloudSettings): Promise<Cloud> {
  const aws = await createClients(parseAwsSettings(settings))
  const identity = createIdentity(aws)
  const compute = createCompute(aws, async () =>
    settings.regions.length > 0
      ? [...settings.regions]
      : (await identity.regions()).map((region) => region.id),
  )
  return {
    type: 'aws',
    identity,
    compute,
    disks: createDisks(aws),
    inventory: createInventory(aws, compute.delete),
    close: aws.close,
  }
}
