import { changing } from '#test/clouds/gcp/compute/operations.ts'
import { pick } from '#test/clouds/gcp/compute/disks.ts'
import type { Handlers } from '#test/clouds/gcp/compute/handler.ts'
import {
  aggregated,
  checkLabels,
  found,
  inUse,
  listPage,
  okay,
  placeFor,
  remove,
  setLabels,
  viewOf,
} from '#test/clouds/gcp/compute/things.ts'
import { addThing, listOf, type Body, type Thing } from '#test/clouds/gcp/compute/world.ts'
import { Refusal } from '#test/clouds/gcp/refusal.ts'
import type { World } from '#test/clouds/gcp/world.ts'

/** Static external addresses of a region. */
export const addressHandlers: Handlers = {
  'compute.addresses.insert': (ask) =>
    changing(ask, 'insert', () => {
      const at = placeFor(ask, 'addresses')
      checkLabels(ask.body['labels'])
      const kept = pick(ask.body, ['description', 'labels', 'networkTier'])
      if ((ask.body['addressType'] ?? 'EXTERNAL') !== 'EXTERNAL')
        throw new Refusal(
          400,
          'invalid',
          "Invalid value for field 'resource.addressType': only EXTERNAL addresses are kept here.",
        )
      const held = listOf(ask.world.compute, 'addresses').filter(({ place }) => place === at.place).length
      if (held >= 8)
        throw new Refusal(
          403,
          'quotaExceeded',
          `Quota 'STATIC_ADDRESSES' exceeded. Limit: 8.0 in region ${at.place}.`,
        )
      const address = addThing(ask.world.compute, ask.world.clock, at, 'RESERVED', {
        networkTier: 'PREMIUM',
        ...kept,
        address: newAddress(ask.world),
        addressType: 'EXTERNAL',
        ipVersion: 'IPV4',
      })
      return { target: address }
    }),
  'compute.addresses.get': (ask) => okay(addressView(ask.world, found(ask, 'addresses', 'address'))),
  'compute.addresses.list': (ask) => listPage(ask, 'addresses', (address) => addressView(ask.world, address)),
  'compute.addresses.aggregatedList': (ask) =>
    aggregated(ask, 'addresses', (address) => addressView(ask.world, address)),
  'compute.addresses.setLabels': setLabels('addresses', 'resource'),
  'compute.addresses.delete': (ask) =>
    changing(ask, 'delete', () => {
      const address = found(ask, 'addresses', 'address')
      const user = userOf(ask.world, String(address.body['address']))
      if (user) throw inUse(address.path, user.path)
      remove(ask.world, address)
      return { target: address }
    }),
}

/** An external address that nobody has. */
export function newAddress({ compute }: World): string {
  const number = compute.nextSeq()
  return `34.${120 + ((number >> 16) & 63)}.${(number >> 8) & 255}.${number & 255}`
}

/** The instance that an external address leads to. */
export const userOf = (world: World, ip: string): Thing | undefined =>
  listOf(world.compute, 'instances').find(
    ({ body, life }) =>
      life.state() !== 'GONE' &&
      (body['networkInterfaces'] as { accessConfigs?: Body[] }[]).some(({ accessConfigs = [] }) =>
        accessConfigs.some(({ natIP }) => natIP === ip),
      ),
  )

function addressView(world: World, address: Thing): Body {
  const user = userOf(world, String(address.body['address']))
  return viewOf(world, address, user ? { status: 'IN_USE', users: [user.path] } : { status: 'RESERVED' })
}
