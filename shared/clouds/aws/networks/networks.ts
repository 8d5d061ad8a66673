import type { NetworksFacet } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { createAddresses } from '#shared/clouds/aws/networks/addresses.ts'
import { createSecurityGroups } from '#shared/clouds/aws/networks/security-groups.ts'
import { createSubnet, deleteSubnet } from '#shared/clouds/aws/networks/subnets.ts'
import { createVpc, deleteVpc, getVpc, listVpcs } from '#shared/clouds/aws/networks/vpcs.ts'

/** VPCs with their subnets, security groups and Elastic IPs. */
export function createNetworks(aws: AwsClients): NetworksFacet {
  return {
    list: ({ region }) => listVpcs(aws, region),
    get: (ref) => getVpc(aws, ref),
    create: (request) => createVpc(aws, request),
    delete: (ref) => deleteVpc(aws, ref),
    subnets: {
      create: (request) => createSubnet(aws, request),
      delete: (ref) => deleteSubnet(aws, ref),
    },
    securityGroups: createSecurityGroups(aws),
    addresses: createAddresses(aws),
  }
}
