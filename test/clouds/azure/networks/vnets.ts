import {
  accepted,
  fixed,
  groupOf,
  idOf,
  listOf,
  locationOf,
  type ArmHandler,
  type Context,
} from '#test/clouds/azure/context.ts'
import { provisioningState, type Network, type Subnet, type Tags } from '#test/clouds/azure/estate.ts'
import { rangeOf } from '#test/clouds/azure/networks/cidr.ts'
import { checkEtag, newEtag } from '#test/clouds/azure/networks/etag.ts'
import {
  networkOf,
  networkType,
  refuseUsed,
  refuseWhileBusy,
  showSubnet,
  subnetBody,
  subnetFrom,
  type SubnetGiven,
} from '#test/clouds/azure/networks/subnets.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import { list, object, oneOf, tags, text } from '#test/clouds/azure/schema.ts'

const provider = 'Microsoft.Network'

const networkBody = object(
  'VirtualNetwork',
  {
    location: text,
    tags,
    properties: object(
      'VirtualNetworkPropertiesFormat',
      {
        addressSpace: object('AddressSpace', { addressPrefixes: list(text) }, ['addressPrefixes']),
        subnets: list(subnetBody),
      },
      ['addressSpace'],
    ),
  },
  ['location', 'properties'],
)

interface NetworkBody {
  tags?: Tags
  properties: { addressSpace: { addressPrefixes: string[] }; subnets?: SubnetGiven[] }
}

export const putNetwork: ArmHandler = (context, request) => {
  const id = idOf(context, request, networkType)
  networkBody(request.body, '')
  const location = locationOf(request.body)
  const { tags: given = {}, properties } = request.body as NetworkBody
  const existing = context.estate.get('network', id)
  checkEtag(request, existing)
  if (existing && existing.location !== location) throw fixed('location')
  const name = request.path['name'] ?? ''
  const prefixes = properties.addressSpace.addressPrefixes
  for (const prefix of prefixes) rangeOf(prefix, id)
  const subnets: Subnet[] = []
  for (const wanted of properties.subnets ?? []) {
    const before = existing?.subnets.find((subnet) => subnet.name === wanted.name)
    const subnet = subnetFrom(context, { id, name, prefixes }, wanted, subnets)
    subnets.push(before ? { ...subnet, nextHost: before.nextHost } : subnet)
  }
  if (existing) {
    refuseWhileBusy(context, existing)
    for (const { name: gone } of existing.subnets)
      if (!subnets.some((subnet) => subnet.name === gone)) refuseUsed(context, existing, gone)
    Object.assign(existing, { subnets, prefixes, tags: given, etag: newEtag() })
    return json(200, showNetwork(context, existing))
  }
  const network: Network = {
    kind: 'network',
    id,
    name,
    group: groupOf(context, request),
    location,
    tags: given,
    createdAt: new Date(),
    prefixes,
    subnets,
    etag: newEtag(),
    busyUntilMs: 0,
    life: context.estate.begin(context.delays.network, context.delays.network, () => context.estate.drop(id)),
  }
  context.estate.add(network)
  return accepted(context, request, {
    provider,
    region: location,
    status: 201,
    body: showNetwork(context, network),
    afterMs: context.delays.network,
  })
}

export const getNetwork: ArmHandler = (context, request) =>
  json(200, showNetwork(context, networkOf(context, request)))

export const listNetworks: ArmHandler = (context, request) =>
  listOf(context, request, networkType, (group) =>
    context.estate.list('network', group).map((network) => showNetwork(context, network)),
  )

export const deleteNetwork: ArmHandler = (context, request) => {
  const network = context.estate.get('network', idOf(context, request, networkType))
  if (!network) return { status: 204 }
  if (network.life.state() !== 'deleting') {
    refuseWhileBusy(context, network)
    for (const { name } of network.subnets) refuseUsed(context, network, name)
    network.life.enter('deleting')
  }
  return accepted(context, request, {
    provider,
    region: network.location,
    status: 202,
    afterMs: context.delays.network,
  })
}

const tagsBody = object(
  'TagsPatchResource',
  {
    operation: oneOf('Replace', 'Merge', 'Delete'),
    properties: object('Tags', { tags }, ['tags']),
  },
  ['operation', 'properties'],
)

/** Tags of a resource, changed without the rest of it: atomic, whoever else changes them. */
export const patchTags: ArmHandler = (context, request) => {
  const network = networkOf(context, request)
  tagsBody(request.body, '')
  const { operation, properties } = request.body as { operation: string; properties: { tags: Tags } }
  const changed =
    operation === 'Merge'
      ? { ...network.tags, ...properties.tags }
      : operation === 'Replace'
        ? properties.tags
        : Object.fromEntries(Object.entries(network.tags).filter(([tag]) => !(tag in properties.tags)))
  if (Object.keys(changed).length > 50)
    throw new Refusal(400, 'TooManyTags', 'The resource has more than the 50 tags allowed.')
  network.tags = changed
  network.etag = newEtag()
  const id = `${network.id}/providers/Microsoft.Resources/tags/default`
  return json(200, {
    id,
    name: 'default',
    type: 'Microsoft.Resources/tags',
    properties: { tags: network.tags },
  })
}

const showNetwork = (context: Context, network: Network) => ({
  id: network.id,
  name: network.name,
  type: networkType,
  location: network.location,
  tags: network.tags,
  etag: network.etag,
  properties: {
    addressSpace: { addressPrefixes: network.prefixes },
    provisioningState: provisioningState(network.life.state()).replace('Creating', 'Updating'),
    subnets: network.subnets.map((subnet) => showSubnet(context, network, subnet)),
    virtualNetworkPeerings: [],
    enableDdosProtection: false,
  },
})
