import {
  accepted,
  fixed,
  groupOf,
  idOf,
  locationOf,
  notFound,
  type ArmHandler,
} from '#test/clouds/azure/context.ts'
import { provisioningState, type Network, type Tags } from '#test/clouds/azure/estate.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import { flag, list, object, tags, text } from '#test/clouds/azure/schema.ts'

const provider = 'Microsoft.Network'
export const networkType = 'Microsoft.Network/virtualNetworks'

const networkBody = object(
  'VirtualNetwork',
  {
    location: text,
    tags,
    properties: object(
      'VirtualNetworkPropertiesFormat',
      {
        addressSpace: object('AddressSpace', { addressPrefixes: list(text) }, ['addressPrefixes']),
        subnets: list(
          object(
            'Subnet',
            {
              name: text,
              properties: object('SubnetPropertiesFormat', {
                addressPrefix: text,
                defaultOutboundAccess: flag,
              }),
            },
            ['name'],
          ),
        ),
      },
      ['addressSpace'],
    ),
  },
  ['location', 'properties'],
)

interface NetworkBody {
  tags?: Tags
  properties: { addressSpace: unknown; subnets?: { name: string; properties: { addressPrefix: string } }[] }
}

export const putNetwork: ArmHandler = (context, request) => {
  const id = idOf(context, request, networkType)
  networkBody(request.body, '')
  const location = locationOf(request.body)
  const body = request.body as NetworkBody
  const existing = context.estate.get('network', id)
  if (existing && existing.location !== location) throw fixed('location')
  const subnets = (body.properties.subnets ?? []).map(({ name, properties }) => {
    const prefix = properties.addressPrefix
    return existing?.subnets.find((subnet) => subnet.name === name) ?? { name, prefix, nextHost: 4 }
  })
  if (existing) {
    Object.assign(existing, { subnets, tags: body.tags ?? {} })
    return json(200, showNetwork(existing))
  }
  const network: Network = {
    kind: 'network',
    id,
    name: request.path['name'] ?? '',
    group: groupOf(context, request),
    location,
    tags: body.tags ?? {},
    createdAt: new Date(),
    subnets,
    given: { addressSpace: body.properties.addressSpace },
    life: context.estate.begin(context.delays.network, context.delays.network, () => context.estate.drop(id)),
  }
  context.estate.add(network)
  return accepted(context, request, {
    provider,
    region: location,
    status: 201,
    body: showNetwork(network),
    afterMs: context.delays.network,
  })
}

export const getNetwork: ArmHandler = (context, request) => {
  const network = context.estate.get('network', idOf(context, request, networkType))
  if (!network) throw notFound(request, networkType)
  return json(200, showNetwork(network))
}

export const getSubnet: ArmHandler = (context, request) => {
  const network = context.estate.get('network', idOf(context, request, networkType))
  if (!network) throw notFound(request, networkType)
  const subnet = network.subnets.find(({ name }) => name === request.path['subnet'])
  if (!subnet)
    throw new Refusal(404, 'NotFound', `Resource ${network.id}/subnets/${request.path['subnet']} not found.`)
  return json(200, showSubnet(network, subnet))
}

const showNetwork = (network: Network) => ({
  id: network.id,
  name: network.name,
  type: networkType,
  location: network.location,
  tags: network.tags,
  properties: {
    ...network.given,
    provisioningState: provisioningState(network.life.state()).replace('Creating', 'Updating'),
    subnets: network.subnets.map((subnet) => showSubnet(network, subnet)),
  },
})

const showSubnet = (network: Network, { name, prefix }: Network['subnets'][number]) => ({
  id: `${network.id}/subnets/${name}`,
  name,
  properties: { addressPrefix: prefix, provisioningState: 'Succeeded' },
})
