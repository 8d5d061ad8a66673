import {
  accepted,
  idOf,
  notFound,
  type ArmHandler,
  type ArmRequest,
  type Context,
} from '#test/clouds/azure/context.ts'
import { provisioningState, type Network, type Subnet } from '#test/clouds/azure/estate.ts'
import { overlap, rangeOf, within } from '#test/clouds/azure/networks/cidr.ts'
import { checkEtag, newEtag } from '#test/clouds/azure/networks/etag.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import { flag, list, object, oneOf, reference, text } from '#test/clouds/azure/schema.ts'

export const networkType = 'Microsoft.Network/virtualNetworks'
const provider = 'Microsoft.Network'

const subnetProperties = object('SubnetPropertiesFormat', {
  addressPrefix: text,
  addressPrefixes: list(text),
  defaultOutboundAccess: flag,
  networkSecurityGroup: reference,
  natGateway: reference,
  privateEndpointNetworkPolicies: oneOf('Enabled', 'Disabled'),
  privateLinkServiceNetworkPolicies: oneOf('Enabled', 'Disabled'),
})

export const subnetBody = object('Subnet', { id: text, name: text, properties: subnetProperties })

export interface SubnetGiven {
  name: string
  properties?: {
    addressPrefix?: string
    defaultOutboundAccess?: boolean
    networkSecurityGroup?: { id: string }
  }
}

export const putSubnet: ArmHandler = (context, request) => {
  const network = networkOf(context, request)
  subnetBody(request.body, '')
  refuseWhileBusy(context, network)
  const name = request.path['subnet'] ?? ''
  const existing = network.subnets.find((subnet) => subnet.name === name)
  checkEtag(request, existing && { id: subnetIdOf(network, name), etag: existing.etag })
  const given = { ...(request.body as Omit<SubnetGiven, 'name'>), name }
  const subnet = subnetFrom(context, network, given, network.subnets)
  if (existing) Object.assign(existing, subnet, { nextHost: existing.nextHost })
  else network.subnets.push(subnet)
  network.busyUntilMs = context.clock.now() + context.delays.network
  network.etag = newEtag()
  return accepted(context, request, {
    provider,
    region: network.location,
    status: existing ? 200 : 201,
    body: showSubnet(context, network, subnet),
    afterMs: context.delays.network,
  })
}

export const getSubnet: ArmHandler = (context, request) => {
  const network = networkOf(context, request)
  const subnet = network.subnets.find(({ name }) => name === request.path['subnet'])
  if (!subnet)
    throw new Refusal(404, 'NotFound', `Resource ${network.id}/subnets/${request.path['subnet']} not found.`)
  return json(200, showSubnet(context, network, subnet))
}

export const deleteSubnet: ArmHandler = (context, request) => {
  const network = context.estate.get('network', idOf(context, request, networkType))
  const name = request.path['subnet'] ?? ''
  const subnet = network?.subnets.find((each) => each.name === name)
  if (!network || !subnet) return { status: 204 }
  refuseWhileBusy(context, network)
  refuseUsed(context, network, name)
  network.subnets = network.subnets.filter((each) => each !== subnet)
  network.busyUntilMs = context.clock.now() + context.delays.network
  network.etag = newEtag()
  return accepted(context, request, {
    provider,
    region: network.location,
    status: 202,
    afterMs: context.delays.network,
  })
}

export function networkOf(context: Context, request: ArmRequest): Network {
  const network = context.estate.get('network', idOf(context, request, networkType))
  if (network) return network
  throw notFound(request, networkType)
}

/** A subnet as it was asked for, if it fits among the others. */
export function subnetFrom(
  context: Context,
  network: Pick<Network, 'id' | 'name' | 'prefixes'>,
  { name, properties = {} }: SubnetGiven,
  others: Subnet[],
): Subnet {
  const { addressPrefix: prefix = '', defaultOutboundAccess, networkSecurityGroup } = properties
  const range = rangeOf(prefix, subnetIdOf(network, name))
  if (range.size < 8 || !network.prefixes.some((outer) => within(range, rangeOf(outer, network.id)))) {
    throw new Refusal(
      400,
      'NetcfgInvalidSubnet',
      `Subnet '${name}' is not valid in virtual network '${network.name}'.`,
    )
  }
  const rival = others.find(
    (other) => other.name !== name && overlap(range, rangeOf(other.prefix, network.id)),
  )
  if (rival) {
    throw new Refusal(
      400,
      'NetcfgSubnetRangesOverlap',
      `Subnet '${name}' is not valid because its IP address range overlaps with that of an existing subnet in virtual network '${network.name}'.`,
    )
  }
  if (networkSecurityGroup && !context.estate.get('nsg', networkSecurityGroup.id)) {
    throw new Refusal(
      400,
      'InvalidResourceReference',
      `Resource ${networkSecurityGroup.id} referenced by resource ${subnetIdOf(network, name)} was not found.`,
    )
  }
  return {
    name,
    prefix,
    // The first four addresses of a subnet are Azure's.
    nextHost: 4,
    etag: newEtag(),
    // Since 2026 a subnet is private unless it says otherwise.
    defaultOutboundAccess: defaultOutboundAccess ?? false,
    ...(networkSecurityGroup ? { groupId: networkSecurityGroup.id } : {}),
  }
}

/** The network service does one thing at a time to a network. */
export function refuseWhileBusy({ clock }: Context, network: Network): void {
  if (network.life.state() === 'ready' && clock.now() >= network.busyUntilMs) return
  throw new Refusal(
    429,
    'AnotherOperationInProgress',
    `Another operation on this or dependent resource is in progress. To retrieve status of the operation use uri: ${network.id}.`,
  )
}

export function refuseUsed({ estate }: Context, network: Network, subnetName: string): void {
  const id = subnetIdOf(network, subnetName).toLowerCase()
  for (const nic of estate.list('nic')) {
    const user = nic.configurations.find(({ subnetId }) => subnetId.toLowerCase() === id)
    if (!user) continue
    throw new Refusal(
      400,
      'InUseSubnetCannotBeDeleted',
      `Subnet ${subnetName} is in use by ${nic.id}/ipConfigurations/${user.name} and cannot be deleted. In order to delete the subnet, delete all the resources within the subnet. See aka.ms/deletesubnet.`,
    )
  }
}

export const subnetIdOf = (network: Pick<Network, 'id'>, name: string): string =>
  `${network.id}/subnets/${name}`

export const showSubnet = (context: Context, network: Network, subnet: Subnet) => ({
  id: subnetIdOf(network, subnet.name),
  name: subnet.name,
  etag: subnet.etag,
  type: `${networkType}/subnets`,
  properties: {
    addressPrefix: subnet.prefix,
    defaultOutboundAccess: subnet.defaultOutboundAccess,
    provisioningState:
      network.life.state() === 'ready' && context.clock.now() >= network.busyUntilMs
        ? 'Succeeded'
        : provisioningState('starting'),
    ...(subnet.groupId === undefined ? {} : { networkSecurityGroup: { id: subnet.groupId } }),
  },
})
