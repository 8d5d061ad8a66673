import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { createAddresses } from '#shared/clouds/azure/networks/addresses.ts'
import { createSecurityGroups } from '#shared/clouds/azure/networks/security-groups.ts'
import { createSubnets } from '#shared/clouds/azure/networks/subnets.ts'
import { createVirtualNetworks } from '#shared/clouds/azure/networks/virtual-networks.ts'
import type { NetworksFacet } from '#shared/clouds/port.ts'

/** Virtual networks, subnets, security groups and public addresses of Azure, all made under names derived from the intent's token. */
export const createNetworks = (client: AzureClient): NetworksFacet => ({
  ...createVirtualNetworks(client),
  subnets: createSubnets(client),
  securityGroups: createSecurityGroups(client),
  addresses: createAddresses(client),
})
