import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { armId, parseArmId, type ArmId } from '#shared/clouds/azure/names.ts'

export const networkType = 'Microsoft.Network/virtualNetworks'
export const groupType = 'Microsoft.Network/networkSecurityGroups'
export const addressType = 'Microsoft.Network/publicIPAddresses'
export const nicType = 'Microsoft.Network/networkInterfaces'

/** Where a resource of the network provider is; a bare name is one in the provider's own resource group. */
export const targetOf = ({ settings }: AzureClient, type: string, id: string): ArmId =>
  parseArmId(id, {
    subscription: settings.subscriptionId,
    group: settings.resourceGroup,
    type,
    name: '',
  })

/** A subnet belongs to its network; its id is the network's and its own name. */
export interface SubnetTarget {
  network: ArmId
  name: string
}

/**
 * Reads the id of a subnet; `network/subnet` by bare names will do as well.
 * @throws CloudError `invalid_request` for anything else.
 */
export function subnetTarget(client: AzureClient, id: string): SubnetTarget {
  const parts = id.split('/')
  const whole = id.startsWith('/') && parts.length === 11 && parts[9]?.toLowerCase() === 'subnets'
  const [network, name = ''] = whole ? [parts.slice(0, 9).join('/'), parts[10]] : splitBare(parts)
  // A path that is no subnet's is refused with the reason that a network's id would get.
  return { network: targetOf(client, networkType, name === '' ? id : network), name }
}

export const subnetId = ({ network, name }: SubnetTarget): string => `${armId(network)}/subnets/${name}`

const splitBare = (parts: string[]): [network: string, name: string] =>
  parts.length === 2 ? [parts[0] ?? '', parts[1] ?? ''] : [parts.join('/'), '']
