import { changing } from '#test/clouds/gcp/compute/operations.ts'
import { pick } from '#test/clouds/gcp/compute/disks.ts'
import type { ComputeAsk, Handlers } from '#test/clouds/gcp/compute/handler.ts'
import {
  aggregated,
  found,
  inUse,
  listPage,
  okay,
  placeFor,
  remove,
  viewOf,
} from '#test/clouds/gcp/compute/things.ts'
import { addThing, listOf, resolve, type Body, type Thing } from '#test/clouds/gcp/compute/world.ts'
import { Refusal } from '#test/clouds/gcp/refusal.ts'
import type { World } from '#test/clouds/gcp/world.ts'

/** VPC networks, their subnets and firewall rules. */
export const networkHandlers: Handlers = {
  'compute.networks.insert': (ask) =>
    changing(ask, 'insert', () => {
      const at = placeFor(ask, 'networks')
      if (ask.body['IPv4Range'] === undefined && ask.body['autoCreateSubnetworks'] === undefined)
        throw new Refusal(
          400,
          'invalid',
          "Invalid value for field 'resource.IPv4Range': ''. Legacy networks can no longer be created.",
        )
      const kept = pick(ask.body, ['description', 'autoCreateSubnetworks', 'mtu', 'routingConfig'])
      return { target: addThing(ask.world.compute, ask.world.clock, at, 'READY', kept) }
    }),
  'compute.networks.get': (ask) => okay(networkView(ask.world, found(ask, 'networks', 'network'))),
  'compute.networks.list': (ask) => listPage(ask, 'networks', (network) => networkView(ask.world, network)),
  'compute.networks.delete': (ask) =>
    changing(ask, 'delete', () => {
      const network = found(ask, 'networks', 'network')
      const user = [
        ...listOf(ask.world.compute, 'subnetworks'),
        ...listOf(ask.world.compute, 'firewalls'),
      ].find(({ body }) => body['network'] === network.path)
      if (user) throw inUse(network.path, user.path)
      remove(ask.world, network)
      return { target: network }
    }),

  'compute.subnetworks.insert': (ask) =>
    changing(ask, 'insert', () => {
      const at = placeFor(ask, 'subnetworks')
      const network = resolve(ask.world.compute, ask.body['network'], 'networks', 'resource.network')
      const range = String(ask.body['ipCidrRange'] ?? '')
      checkRange(ask.world, network, range)
      const kept = pick(ask.body, [
        'description',
        'privateIpGoogleAccess',
        'enableFlowLogs',
        'logConfig',
        'purpose',
        'stackType',
      ])
      return {
        target: addThing(ask.world.compute, ask.world.clock, at, 'READY', {
          ...kept,
          network: network.path,
          ipCidrRange: range,
        }),
      }
    }),
  'compute.subnetworks.get': (ask) => okay(viewOf(ask.world, found(ask, 'subnetworks', 'subnetwork'))),
  'compute.subnetworks.list': (ask) => listPage(ask, 'subnetworks', (subnet) => viewOf(ask.world, subnet)),
  'compute.subnetworks.aggregatedList': (ask) =>
    aggregated(ask, 'subnetworks', (subnet) => viewOf(ask.world, subnet)),
  'compute.subnetworks.delete': (ask) =>
    changing(ask, 'delete', () => {
      const subnet = found(ask, 'subnetworks', 'subnetwork')
      const user = listOf(ask.world.compute, 'instances').find(
        ({ body, life }) =>
          life.state() !== 'GONE' &&
          (body['networkInterfaces'] as Body[]).some(({ subnetwork }) => subnetwork === subnet.path),
      )
      if (user) throw inUse(subnet.path, user.path)
      remove(ask.world, subnet)
      return { target: subnet }
    }),

  'compute.firewalls.insert': (ask) =>
    changing(ask, 'insert', () => {
      const at = placeFor(ask, 'firewalls')
      return { target: addThing(ask.world.compute, ask.world.clock, at, 'READY', ruleOf(ask)) }
    }),
  'compute.firewalls.get': (ask) => okay(viewOf(ask.world, found(ask, 'firewalls', 'firewall'))),
  'compute.firewalls.list': (ask) => listPage(ask, 'firewalls', (rule) => viewOf(ask.world, rule)),
  'compute.firewalls.patch': (ask) =>
    changing(ask, 'patch', () => {
      const rule = found(ask, 'firewalls', 'firewall')
      rule.body = ruleOf({ ...ask, body: { ...rule.body, ...ask.body } })
      return { target: rule }
    }),
  'compute.firewalls.delete': (ask) =>
    changing(ask, 'delete', () => {
      const rule = found(ask, 'firewalls', 'firewall')
      remove(ask.world, rule)
      return { target: rule }
    }),
}

const networkView = (world: World, network: Thing): Body => {
  const subnetworks = listOf(world.compute, 'subnetworks')
    .filter(({ body }) => body['network'] === network.path)
    .map(({ path }) => path)
  return viewOf(world, network, subnetworks.length === 0 ? {} : { subnetworks })
}

/** A rule permits or denies, by ranges that are all IPv4 or all IPv6. https://cloud.google.com/firewall/docs/firewalls */
function ruleOf({ world, body }: ComputeAsk): Body {
  const network = resolve(
    world.compute,
    body['network'] ?? 'global/networks/default',
    'networks',
    'resource.network',
  )
  const direction = body['direction'] ?? 'INGRESS'
  const [allowed, denied] = [body['allowed'], body['denied']] as [Body[] | undefined, Body[] | undefined]
  if ((allowed?.length ?? 0) > 0 === (denied?.length ?? 0) > 0)
    throw new Refusal(
      400,
      'invalid',
      "Invalid value for field 'resource.allowed': Exactly one of allowed and denied must be specified.",
    )
  for (const { IPProtocol: protocol, ports } of [...(allowed ?? []), ...(denied ?? [])])
    checkProtocol(String(protocol), ports)
  const ranges = (body[direction === 'EGRESS' ? 'destinationRanges' : 'sourceRanges'] ?? []) as string[]
  const wrongWay = direction === 'EGRESS' ? 'sourceRanges' : 'destinationRanges'
  if (direction === 'EGRESS' && ((body[wrongWay] as string[] | undefined)?.length ?? 0) > 0)
    throw new Refusal(
      400,
      'invalid',
      `Invalid value for field 'resource.${wrongWay}': not allowed for EGRESS.`,
    )
  for (const range of ranges)
    if (!/^[\d.]+(\/\d+)?$|^[\da-f:]+(\/\d+)?$/i.test(range))
      throw new Refusal(
        400,
        'invalid',
        `Invalid value for field 'resource.sourceRanges': '${range}'. Must be a valid CIDR.`,
      )
  if (ranges.some((range) => range.includes(':')) && ranges.some((range) => !range.includes(':')))
    throw new Refusal(
      400,
      'invalid',
      "Invalid value for field 'resource.sourceRanges': IPv4 and IPv6 ranges cannot be in one rule.",
    )
  for (const tag of (body['targetTags'] ?? []) as string[])
    if (!/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(tag))
      throw new Refusal(400, 'invalid', `Invalid value for field 'resource.targetTags': '${tag}'.`)
  const priority = Number(body['priority'] ?? 1000)
  if (!(priority >= 0 && priority <= 65535))
    throw new Refusal(400, 'invalid', `Invalid value for field 'resource.priority': '${priority}'.`)
  const kept = pick(body, [
    'description',
    'allowed',
    'denied',
    'sourceRanges',
    'destinationRanges',
    'targetTags',
    'disabled',
    'logConfig',
  ])
  return { disabled: false, ...kept, network: network.path, direction, priority }
}

function checkProtocol(protocol: string, ports: unknown): void {
  if (!/^(tcp|udp|icmp|esp|ah|sctp|ipip|all|\d{1,3})$/.test(protocol))
    throw new Refusal(
      400,
      'invalid',
      `Invalid value for field 'resource.allowed[0].IPProtocol': '${protocol}'.`,
    )
  if (ports === undefined || (ports as string[]).length === 0) return
  if (!/^(tcp|udp|sctp)$/.test(protocol))
    throw new Refusal(400, 'invalid', `Ports may only be specified with TCP, UDP or SCTP.`)
  for (const port of ports as string[])
    if (!/^\d{1,5}(-\d{1,5})?$/.test(port))
      throw new Refusal(400, 'invalid', `Invalid value for field 'resource.allowed[0].ports': '${port}'.`)
}

function checkRange(world: World, network: Thing, range: string): void {
  const parsed = parseRange(range)
  if (!parsed)
    throw new Refusal(
      400,
      'invalid',
      `Invalid value for field 'resource.ipCidrRange': '${range}'. Must be a CIDR address range that is contained in the RFC 1918 private address blocks, with no host bits set.`,
    )
  for (const other of listOf(world.compute, 'subnetworks')) {
    const taken = other.body['network'] === network.path && parseRange(String(other.body['ipCidrRange']))
    if (taken && parsed.first <= taken.last && taken.first <= parsed.last)
      throw new Refusal(
        400,
        'invalid',
        `Invalid IPCidrRange: ${range} conflicts with existing subnetwork '${other.name}' in region '${other.place}'.`,
      )
  }
}

function parseRange(range: string): { first: number; last: number } | undefined {
  const [, address = '', bits = ''] = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(range) ?? []
  const parts = address.split('.').map(Number)
  const size = 2 ** (32 - Number(bits))
  if (bits === '' || Number(bits) > 29 || Number(bits) < 4 || parts.some((part) => part > 255))
    return undefined
  const first = parts.reduce((sum, part) => sum * 256 + part, 0)
  return first % size === 0 ? { first, last: first + size - 1 } : undefined
}
