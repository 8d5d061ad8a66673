import type { NetworksFacet } from '#shared/clouds/port.ts'
import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { createAddresses } from '#shared/clouds/gcp/networks/addresses.ts'
import { createSecurityGroups } from '#shared/clouds/gcp/networks/groups.ts'
import { createVpcs } from '#shared/clouds/gcp/networks/vpcs.ts'

/** VPC networks, subnets, security groups and addresses. */
export const createNetworks = (gcp: GcpClient): NetworksFacet => ({
  ...createVpcs(gcp),
  securityGroups: createSecurityGroups(gcp),
  addresses: createAddresses(gcp),
})
