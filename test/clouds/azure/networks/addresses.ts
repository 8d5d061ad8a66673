import {
  accepted,
  groupOf,
  idOf,
  listOf,
  locationOf,
  notFound,
  type ArmHandler,
} from '#test/clouds/azure/context.ts'
import { provisioningState, type Address, type Tags } from '#test/clouds/azure/estate.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import { list, object, oneOf, tags, text, whole } from '#test/clouds/azure/schema.ts'

const provider = 'Microsoft.Network'
export const addressType = 'Microsoft.Network/publicIPAddresses'

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
