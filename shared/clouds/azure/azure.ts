import { azureCapabilities } from '#shared/clouds/azure/capabilities.ts'
import { connect } from '#shared/clouds/azure/client.ts'
import { createCompute } from '#shared/clouds/azure/compute/compute.ts'
import { createDisks } from '#shared/clouds/azure/disks/disks.ts'
import { createIdentity } from '#shared/clouds/azure/identity/identity.ts'
import { createInventory } from '#shared/clouds/azure/inventory/inventory.ts'
import { machineKinds } from '#shared/clouds/azure/inventory/machine-kinds.ts'
import { serviceKinds } from '#shared/clouds/azure/inventory/service-kinds.ts'
import { createNetworks } from '#shared/clouds/azure/networks/networks.ts'
import { createVolumes } from '#shared/clouds/azure/volumes/volumes.ts'
import { createServices } from '#shared/clouds/azure/services.ts'
import { readSettings } from '#shared/clouds/azure/settings.ts'
import { noHosts } from '#shared/clouds/no-hosts.ts'
import type { Cloud, CloudSettings } from '#shared/clouds/port.ts'

/**
 * Opens the Azure adapter. Sends nothing yet, and loads each SDK at its first call.
 * @param settings credentials `{ tenant_id, client_id, client_secret, subscription_id }`; endpoints `{ management?, authority?, prices?, storage? }`;
 * options `{ ca_pem?, resource_group?, subnet_id?, request_timeout_ms?, poll_ms?, consistency_ms?, … }`, see `readSettings`.
 * @throws CloudError `invalid_request` naming what is wrong with the settings.
 */
export async function openAzure(settings: CloudSettings): Promise<Cloud> {
  const client = await connect(readSettings(settings))
  const disks = createDisks(client)
  const networks = createNetworks(client)
  const { buckets, objects, ...observed } = createServices(client)
  return {
    type: 'azure',
    capabilities: azureCapabilities,
    identity: createIdentity(client),
    compute: createCompute(client),
    disks,
    networks,
    storage: { volumes: createVolumes(client, disks), buckets, objects },
    hosts: noHosts('azure', azureCapabilities),
    inventory: createInventory(client, [
      ...machineKinds(client, { disks, networks }),
      ...serviceKinds(client, { images: observed.images, buckets }),
    ]),
    ...observed,
    close: () => client.close(),
  }
}
