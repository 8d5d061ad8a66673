import {
  accepted,
  fixed,
  groupOf,
  idOf,
  listOf,
  locationOf,
  notFound,
  type ArmHandler,
  type Context,
} from '#test/clouds/azure/context.ts'
import {
  provisioningState,
  type IpConfiguration,
  type Nic,
  type Subnet,
  type Tags,
} from '#test/clouds/azure/estate.ts'
import { addressOf, rangeOf } from '#test/clouds/azure/networks/cidr.ts'
import { checkEtag, newEtag } from '#test/clouds/azure/networks/etag.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import { flag, list, object, oneOf, tags, text } from '#test/clouds/azure/schema.ts'

const provider = 'Microsoft.Network'

export const nicType = 'Microsoft.Network/networkInterfaces'

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
  checkEtag(request, existing)
  const groupId = body.properties.networkSecurityGroup?.id
  const guard = groupId === undefined ? undefined : context.estate.get('nsg', groupId)
  if (groupId !== undefined && guard?.location !== location) throw badReference(groupId, id)
  const configurations = body.properties.ipConfigurations.map((each) =>
    configure(context, id, each, existing),
  )
  if (existing) {
    Object.assign(existing, { configurations, tags: body.tags ?? {}, etag: newEtag() })
    if (groupId === undefined) delete existing.groupId
    else existing.groupId = groupId
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
    ...(groupId === undefined ? {} : { groupId }),
    etag: newEtag(),
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
    context.estate.list('nic', group).map((nic) => () => showNic(context, nic, false)),
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
  const holder = publicAddress && holderOf(context, publicAddress.id)
  if (holder && holder.id.toLowerCase() !== nicId.toLowerCase()) {
    throw new Refusal(
      400,
      'PublicIPAddressInUse',
      `Resource ${nicId}/ipConfigurations/${given.name} is referencing public IP address ${publicAddress?.id} that is already allocated to resource ${holder.id}.`,
    )
  }
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

/** The interface that a public address leads to. */
export const holderOf = ({ estate }: Context, addressId: string): Nic | undefined =>
  estate
    .list('nic')
    .find(({ configurations }) =>
      configurations.some((each) => each.addressId?.toLowerCase() === addressId.toLowerCase()),
    )

const nextAddress = (subnet: Subnet): string =>
  addressOf(rangeOf(subnet.prefix, subnet.name).first + subnet.nextHost++)

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
    etag: nic.etag,
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
      ...(nic.groupId === undefined ? {} : { networkSecurityGroup: { id: nic.groupId } }),
    },
  }
}

const badReference = (id: string, by: string): Refusal =>
  new Refusal(
    400,
    'InvalidResourceReference',
    `Resource ${id} referenced by resource ${by} was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.`,
  )
