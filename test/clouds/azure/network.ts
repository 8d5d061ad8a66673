import {
  accepted,
  fixed,
  groupOf,
  idOf,
  locationOf,
  notFound,
  page,
  type ArmHandler,
  type ArmRequest,
  type Context,
} from '#test/clouds/azure/context.ts'
import {
  provisioningState,
  type Address,
  type IpConfiguration,
  type Network,
  type Nic,
  type Tags,
} from '#test/clouds/azure/estate.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import { flag, list, object, oneOf, tags, text, whole } from '#test/clouds/azure/schema.ts'

const provider = 'Microsoft.Network'
export const nicType = 'Microsoft.Network/networkInterfaces'
export const addressType = 'Microsoft.Network/publicIPAddresses'
export const networkType = 'Microsoft.Network/virtualNetworks'

const ipConfiguration = object(
  'NetworkInterfaceIPConfiguration',
  {
    id: text,
    name: text,
    properties: object(
      'NetworkInterfaceIPConfigurationPropertiesFormat',
      {
        primary: flag,
        subnet: object('Subnet', { id: text, name: text, properties: () => {} }, ['id']),
        privateIPAddress: text,
        privateIPAllocationMethod: oneOf('Dynamic', 'Static'),
        privateIPAddressVersion: oneOf('IPv4', 'IPv6'),
        publicIPAddress: object('PublicIPAddress', {
          id: text,
          location: text,
          tags,
          sku: () => {},
          zones: list(text),
          properties: object('PublicIPAddressPropertiesFormat', {
            deleteOption: oneOf('Delete', 'Detach'),
            ipAddress: text,
            publicIPAllocationMethod: oneOf('Static', 'Dynamic'),
          }),
        }),
      },
      ['subnet'],
    ),
  },
  ['name'],
)

const nicBody = object(
  'NetworkInterface',
  {
    id: text,
    location: text,
    tags,
    properties: object(
      'NetworkInterfacePropertiesFormat',
      {
        ipConfigurations: list(ipConfiguration),
        networkSecurityGroup: object('NetworkSecurityGroup', { id: text }, ['id']),
        enableAcceleratedNetworking: flag,
        enableIPForwarding: flag,
        disableTcpStateTracking: flag,
        dnsSettings: () => {},
        nicType: text,
        auxiliaryMode: text,
        auxiliarySku: text,
      },
      ['ipConfigurations'],
    ),
  },
  ['location', 'properties'],
)

interface NicBody {
  tags?: Tags
  properties: {
    ipConfigurations: {
      name: string
      properties: {
        subnet: { id: string }
        publicIPAddress?: { id: string; properties?: { deleteOption?: string } }
      }
    }[]
    networkSecurityGroup?: { id: string }
  }
}

export const putNic: ArmHandler = (context, request) => {
  const id = idOf(context, request, nicType)
  nicBody(request.body, '')
  const location = locationOf(request.body)
  const body = request.body as NicBody
  const existing = context.estate.get('nic', id)
  if (existing?.life.state() === 'deleting')
    throw new Refusal(429, 'RetryableError', `${id} is being deleted.`)
  if (existing && existing.location !== location) throw fixed('location')
  if (body.properties.networkSecurityGroup) throw badReference(body.properties.networkSecurityGroup.id, id)
  const configurations = body.properties.ipConfigurations.map((each) =>
    configure(context, id, each, existing),
  )
  if (existing) {
    Object.assign(existing, { configurations, tags: body.tags ?? {} })
    return json(200, showNic(context, existing, false))
  }
  const nic: Nic = {
    kind: 'nic',
    id,
    name: request.path['name'] ?? '',
    group: groupOf(context, request),
    location,
    tags: body.tags ?? {},
    createdAt: new Date(),
    configurations,
    given: {},
    life: context.estate.begin(context.delays.network, context.delays.network, () => context.estate.drop(id)),
  }
  context.estate.add(nic)
  return accepted(context, request, {
    provider,
    region: location,
    status: 201,
    body: showNic(context, nic, false),
    afterMs: context.delays.network,
  })
}

function configure(
  context: Context,
  nicId: string,
  given: NicBody['properties']['ipConfigurations'][number],
  existing: Nic | undefined,
): IpConfiguration {
  const subnetId = given.properties.subnet.id
  const [networkId = '', subnetName = ''] = subnetId.split('/subnets/')
  const subnet = context.estate.get('network', networkId)?.subnets.find(({ name }) => name === subnetName)
  if (!subnet) throw badReference(subnetId, nicId)
  const publicAddress = given.properties.publicIPAddress
  if (publicAddress && !context.estate.get('address', publicAddress.id))
    throw badReference(publicAddress.id, nicId)
  const before = existing?.configurations.find(({ name }) => name === given.name)
  return {
    name: given.name,
    subnetId,
    privateIp: before?.privateIp ?? nextAddress(subnet),
    ...(publicAddress
      ? {
          addressId: publicAddress.id,
          addressDeleteOption: publicAddress.properties?.deleteOption ?? 'Detach',
        }
      : {}),
  }
}

/** Azure keeps the first four addresses of a subnet. */
function nextAddress(subnet: Network['subnets'][number]): string {
  const host = subnet.nextHost++
  const [a, b] = subnet.prefix.split('.')
  return `${a}.${b}.${Math.floor(host / 256)}.${host % 256}`
}

export const getNic: ArmHandler = (context, request) => {
  const nic = context.estate.get('nic', idOf(context, request, nicType))
  if (!nic) throw notFound(request, nicType)
  return json(
    200,
    showNic(context, nic, request.query.get('$expand')?.toLowerCase().includes('publicipaddress') ?? false),
  )
}

export const listNics: ArmHandler = (context, request) =>
  listOf(context, request, nicType, (group) =>
    context.estate.list('nic', group).map((nic) => showNic(context, nic, false)),
  )

export const deleteNic: ArmHandler = (context, request) => {
  const nic = context.estate.get('nic', idOf(context, request, nicType))
  if (!nic) return { status: 204 }
  if (nic.vmId !== undefined) {
    throw new Refusal(
      400,
      'NicInUse',
      `Network Interface ${nic.id} is used by existing resource ${nic.vmId}. In order to delete the network interface, it must be dissociated from the resource. To learn more, see aka.ms/deletenic.`,
    )
  }
  if (nic.life.state() !== 'deleting') nic.life.enter('deleting')
  return accepted(context, request, {
    provider,
    region: nic.location,
    status: 202,
    afterMs: context.delays.network,
  })
}

function showNic(context: Context, nic: Nic, expanded: boolean): Record<string, unknown> {
  const address = (id: string, deleteOption: string | undefined) => {
    const found = context.estate.get('address', id)
    return { id, properties: { deleteOption, ...(expanded && found ? { ipAddress: found.ip } : {}) } }
  }
  return {
    id: nic.id,
    name: nic.name,
    type: nicType,
    location: nic.location,
    tags: nic.tags,
    etag: `W/"${nic.createdAt.getTime()}"`,
    properties: {
      provisioningState: provisioningState(nic.life.state()).replace('Creating', 'Updating'),
      ipConfigurations: nic.configurations.map((each, index) => ({
        id: `${nic.id}/ipConfigurations/${each.name}`,
        name: each.name,
        properties: {
          provisioningState: 'Succeeded',
          primary: index === 0,
          privateIPAddress: each.privateIp,
          privateIPAllocationMethod: 'Dynamic',
          subnet: { id: each.subnetId },
          ...(each.addressId === undefined
            ? {}
            : { publicIPAddress: address(each.addressId, each.addressDeleteOption) }),
        },
      })),
      ...(nic.vmId === undefined ? {} : { virtualMachine: { id: nic.vmId } }),
    },
  }
}

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

const addressBody = object(
  'PublicIPAddress',
  {
    location: text,
    tags,
    zones: list(text),
    sku: object('PublicIPAddressSku', {
      name: oneOf('Basic', 'Standard', 'StandardV2'),
      tier: oneOf('Regional', 'Global'),
    }),
    properties: object('PublicIPAddressPropertiesFormat', {
      publicIPAllocationMethod: oneOf('Static', 'Dynamic'),
      publicIPAddressVersion: oneOf('IPv4', 'IPv6'),
      idleTimeoutInMinutes: whole(4, 30),
      deleteOption: oneOf('Delete', 'Detach'),
    }),
  },
  ['location'],
)

export const putAddress: ArmHandler = (context, request) => {
  const id = idOf(context, request, addressType)
  addressBody(request.body, '')
  const location = locationOf(request.body)
  const body = request.body as { tags?: Tags; properties?: Record<string, unknown> }
  const existing = context.estate.get('address', id)
  if (existing) {
    existing.tags = body.tags ?? {}
    return json(200, showAddress(existing))
  }
  const count = context.estate.list('address').length
  const address: Address = {
    kind: 'address',
    id,
    name: request.path['name'] ?? '',
    group: groupOf(context, request),
    location,
    tags: body.tags ?? {},
    createdAt: new Date(),
    ip: `20.61.${Math.floor(count / 250)}.${(count % 250) + 4}`,
    given: body.properties ?? {},
    life: context.estate.begin(context.delays.network, context.delays.network, () => context.estate.drop(id)),
  }
  context.estate.add(address)
  return accepted(context, request, {
    provider,
    region: location,
    status: 201,
    body: showAddress(address),
    afterMs: context.delays.network,
  })
}

export const getAddress: ArmHandler = (context, request) => {
  const address = context.estate.get('address', idOf(context, request, addressType))
  if (!address) throw notFound(request, addressType)
  return json(200, showAddress(address))
}

export const listAddresses: ArmHandler = (context, request) =>
  listOf(context, request, addressType, (group) => context.estate.list('address', group).map(showAddress))

export const deleteAddress: ArmHandler = (context, request) => {
  const address = context.estate.get('address', idOf(context, request, addressType))
  if (!address) return { status: 204 }
  const user = context.estate
    .list('nic')
    .find(({ configurations }) =>
      configurations.some(({ addressId }) => addressId?.toLowerCase() === address.id.toLowerCase()),
    )
  if (user) {
    throw new Refusal(
      400,
      'PublicIPAddressCannotBeDeleted',
      `Public IP address ${address.id} can not be deleted since it is still allocated to resource ${user.id}.`,
    )
  }
  if (address.life.state() !== 'deleting') address.life.enter('deleting')
  return accepted(context, request, {
    provider,
    region: address.location,
    status: 202,
    afterMs: context.delays.network,
  })
}

const showAddress = (address: Address) => ({
  id: address.id,
  name: address.name,
  type: addressType,
  location: address.location,
  tags: address.tags,
  properties: {
    ...address.given,
    ipAddress: address.ip,
    provisioningState: provisioningState(address.life.state()).replace('Creating', 'Updating'),
  },
})

function listOf(context: Context, request: ArmRequest, type: string, items: (group?: string) => unknown[]) {
  const group = request.path['group'] === undefined ? undefined : groupOf(context, request)
  const scope = group === undefined ? '' : `/resourceGroups/${group}`
  return page(
    context,
    request,
    `/subscriptions/${context.subscription}${scope}/providers/${type}`,
    items(group),
  )
}

const badReference = (id: string, by: string): Refusal =>
  new Refusal(
    400,
    'InvalidResourceReference',
    `Resource ${id} referenced by resource ${by} was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.`,
  )
