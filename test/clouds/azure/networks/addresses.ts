import {
  accepted,
  groupOf,
  idOf,
  listOf,
  locationOf,
  notFound,
  type ArmHandler,
  type Context,
} from '#test/clouds/azure/context.ts'
import { provisioningState, type Address, type Tags } from '#test/clouds/azure/estate.ts'
import { newEtag } from '#test/clouds/azure/networks/etag.ts'
import { holderOf } from '#test/clouds/azure/networks/nics.ts'
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
      name: oneOf('Standard', 'StandardV2'),
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
  const body = request.body as { tags?: Tags; sku?: object; properties?: Record<string, unknown> }
  const existing = context.estate.get('address', id)
  if (existing) {
    existing.tags = body.tags ?? {}
    existing.etag = newEtag()
    return json(200, showAddress(context, existing))
  }
  // Basic addresses, the only ones that could be dynamic, are no longer made.
  if (body.properties?.['publicIPAllocationMethod'] !== 'Static' || body.sku === undefined) {
    throw new Refusal(
      400,
      'PublicIPSkuRequiresStaticAllocation',
      `Public IP address ${id} must be of the Standard SKU and of static allocation.`,
    )
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
    etag: newEtag(),
    given: { ...body.properties, sku: body.sku },
    life: context.estate.begin(context.delays.network, context.delays.network, () => context.estate.drop(id)),
  }
  context.estate.add(address)
  return accepted(context, request, {
    provider,
    region: location,
    status: 201,
    body: showAddress(context, address),
    afterMs: context.delays.network,
  })
}

export const getAddress: ArmHandler = (context, request) => {
  const address = context.estate.get('address', idOf(context, request, addressType))
  if (!address) throw notFound(request, addressType)
  return json(200, showAddress(context, address))
}

export const listAddresses: ArmHandler = (context, request) =>
  listOf(context, request, addressType, (group) =>
    context.estate.list('address', group).map((address) => showAddress(context, address)),
  )

export const deleteAddress: ArmHandler = (context, request) => {
  const address = context.estate.get('address', idOf(context, request, addressType))
  if (!address) return { status: 204 }
  const user = holderOf(context, address.id)
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

function showAddress(context: Context, address: Address) {
  const { sku, ...given } = address.given
  const nic = holderOf(context, address.id)
  const configuration = nic?.configurations.find(
    ({ addressId }) => addressId?.toLowerCase() === address.id.toLowerCase(),
  )
  return {
    id: address.id,
    name: address.name,
    type: addressType,
    location: address.location,
    tags: address.tags,
    etag: address.etag,
    sku,
    properties: {
      idleTimeoutInMinutes: 4,
      publicIPAddressVersion: 'IPv4',
      ...given,
      ipAddress: address.ip,
      provisioningState: provisioningState(address.life.state()).replace('Creating', 'Updating'),
      ...(nic && configuration
        ? { ipConfiguration: { id: `${nic.id}/ipConfigurations/${configuration.name}` } }
        : {}),
    },
  }
}
