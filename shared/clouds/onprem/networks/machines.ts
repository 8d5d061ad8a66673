import type { MachineNetworks, NetworkPlan } from '#shared/clouds/onprem/compute/needs.ts'
import type { MachineNic } from '#shared/clouds/onprem/host.ts'
import type { Host, Site } from '#shared/clouds/onprem/hosts.ts'
import { idFor } from '#shared/clouds/onprem/ids.ts'
import { publicIps } from '#shared/clouds/onprem/networks/addresses.ts'
import { assertEgressOpen, plannedForwards, refreshForwards } from '#shared/clouds/onprem/networks/enforce.ts'
import { groupIds } from '#shared/clouds/onprem/networks/groups.ts'
import { leaseAddress, leaseMac, releaseLeases } from '#shared/clouds/onprem/networks/leases.ts'
import { defaultSubnetId, findSubnet } from '#shared/clouds/onprem/networks/places.ts'
import type { VmRecord } from '#shared/clouds/onprem/records.ts'
import { notFound, refusal } from '#shared/clouds/onprem/refusals.ts'

/** How machines get into networks, and out of them. */
export const createMachineNetworks = (site: Site): MachineNetworks => ({
  plan: (request) => plan(site, request),
  join: (host, vm, wanted) => join(site, host, vm, wanted),
  apply: (host, vm, record) => apply(site, host, vm, record),
  leave: (host, vm, record) => leave(site, host, vm, record),
  publicAddresses: (region) => publicIps(site, region),
})

async function plan(
  site: Site,
  { region, subnet, securityGroups = [] }: Parameters<MachineNetworks['plan']>[0],
): Promise<NetworkPlan> {
  const id = subnet ?? defaultSubnetId(region)
  const found = await findSubnet(site, region, id)
  if (found === undefined) throw notFound('compute.create', 'subnet', { region, id })
  const { place } = found
  const groups = await groupIds(site, region, securityGroups)
  if (place.kind === 'user') await assertUserModeSuffices(site, region, groups)
  return {
    kind: place.kind,
    ...(place.source === undefined ? {} : { bridge: place.source }),
    ...(place.kind === 'nat' ? { network: id } : {}),
    subnet: id,
    ...(found.subnet.cidr === undefined ? {} : { cidr: found.subnet.cidr }),
    securityGroups: groups,
  }
}

/** On bridges and NAT networks the network gives the address; there filters guard the interface. */
async function join(
  site: Site,
  host: Host,
  vm: string,
  { kind, bridge, network, subnet, cidr, securityGroups }: NetworkPlan,
): Promise<{ nic: MachineNic; address?: string }> {
  const { region } = host
  const mac = await leaseMac(site, region, { vm, shared: kind === 'bridge' })
  if (kind === 'user' && subnet !== undefined && cidr !== undefined) {
    const address = await leaseAddress(site, region, { vm, subnet, cidr })
    const forwards = await plannedForwards(site, 'compute.create', region, { vm, body: { securityGroups } })
    return { nic: { mac, kind, cidr, address, filters: [], forwards }, address }
  }
  await assertFilters(host)
  if (kind === 'nat' && network !== undefined && cidr !== undefined)
    await host.networks.createNat(network, { name: network, cidr })
  const source = kind === 'nat' ? network : bridge
  const filters = await setFilters(site, host, securityGroups)
  return { nic: { mac, kind, ...(source === undefined ? {} : { source }), filters, forwards: [] } }
}

async function apply(site: Site, host: Host, vm: string, record: VmRecord): Promise<void> {
  const found = await findSubnet(site, host.region, record.subnet ?? defaultSubnetId(host.region))
  if (found === undefined || found.place.kind === 'user')
    await refreshForwards(site, 'compute.start', { host, vm, body: record })
  else await setFilters(site, host, record.securityGroups)
}

async function leave(site: Site, host: Host, vm: string, record: VmRecord): Promise<void> {
  const { region } = host
  const { subnet = defaultSubnetId(region), address } = record
  const { records } = site.homeOf(region)
  for (const { id, body } of await records.list('address'))
    if (body.vm === vm)
      await records.change('address', id, ({ vm: of, ...free }) => (of === vm ? free : undefined))
  await releaseLeases(site, region, vm, address === undefined ? undefined : { subnet, address })
  const found = await findSubnet(site, region, subnet)
  if (found && found.place.kind !== 'user' && record.securityGroups.length === 0) await dropNothing(host, vm)
}

/** Removes the filter that lets nothing in, when no VM of the host is left that it could be for. */
async function dropNothing(host: Host, leaving: string): Promise<void> {
  const vms = await host.records.list('vm')
  if (vms.some(({ id, body }) => id !== leaving && body.securityGroups.length === 0)) return
  await host.networks.removeFilter(nothingOf(host.region))
}

const nothingOf = (region: string): string => idFor('sg', `none ${region}`)

async function assertUserModeSuffices(site: Site, region: string, groups: readonly string[]): Promise<void> {
  const { records } = site.homeOf(region)
  for (const id of groups)
    assertEgressOpen('compute.create', (await records.get('security_group', id))?.rules ?? [])
}

/** @throws CloudError `unsupported` where nothing would keep callers out. */
async function assertFilters(host: Host): Promise<void> {
  if ((await host.facts()).filter !== 'forwards') return
  throw refusal('compute.create', `Host ${host.name} cannot enforce security groups on bridges.`, {
    code: 'unsupported',
    remedy: 'Install nftables there and let the workers run as root, or use the default network.',
  })
}

/** A VM without groups is in one that lets nothing in, as what no rule permits is refused. */
async function setFilters(site: Site, host: Host, groups: readonly string[]): Promise<string[]> {
  const { records } = site.homeOf(host.region)
  const ids = groups.length === 0 ? [nothingOf(host.region)] : groups
  for (const id of ids)
    await host.networks.setFilter(id, (await records.get('security_group', id))?.rules ?? [])
  return [...ids]
}
