import type { CloudRef, NetworksFacet } from '#shared/clouds/port.ts'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import { idFor } from '#shared/clouds/onprem/ids.ts'
import { placesIn } from '#shared/clouds/onprem/networks/places.ts'
import { assertFits } from '#shared/clouds/onprem/networks/ranges.ts'
import { notFound, refusal } from '#shared/clouds/onprem/refusals.ts'

/** Subnets are of the whole location; one of a NAT network is a bridge of its own on each host that runs a machine in it. */
export const createSubnets = (site: Site): NetworksFacet['subnets'] => ({
  create: (request) => createSubnet(site, request),
  delete: (ref) => deleteSubnet(site, ref),
})

async function createSubnet(
  site: Site,
  { network, token, name, cidr, tags }: Parameters<NetworksFacet['subnets']['create']>[0],
): Promise<CloudRef> {
  const operation = 'networks.subnets.create'
  const { region } = network
  const { records } = site.homeOf(region)
  const id = idFor('subnet', token)
  // Two subnets made at the same time could each find the range free.
  await records.alone(`subnets-of-${network.id}`, async () => {
    const place = (await placesIn(site, region)).find((each) => each.id === network.id)
    if (place === undefined) throw notFound(operation, 'network', network)
    if (place.subnets.some((subnet) => subnet.id === id)) return
    if (place.builtIn || place.cidr === undefined)
      throw refusal(operation, `network: ${place.name} has one subnet, which is all of it.`, {
        code: 'invalid_request',
        remedy: 'Create a network of your own, and subnets in it.',
      })
    const beside = place.subnets.flatMap((subnet) => subnet.cidr ?? [])
    assertFits(operation, { text: cidr, within: place.cidr, beside })
    const createdAt = new Date().toISOString()
    await records.insert('subnet', id, { name, tags, createdAt, network: network.id, cidr })
  })
  return { region, id }
}

async function deleteSubnet(site: Site, { region, id }: CloudRef): Promise<void> {
  const { records } = site.homeOf(region)
  const subnet = await records.get('subnet', id)
  if (subnet === undefined) return
  for await (const { id: vm, body } of site.all('vm', region)) {
    if (body.subnet !== id) continue
    throw refusal('networks.subnets.delete', `The subnet ${id} is used by the VM ${vm}.`, {
      code: 'conflict',
      kind: 'retryable',
      remedy: 'Delete the VMs in it first.',
    })
  }
  const network = await records.get('network', subnet.network)
  if (network?.kind === 'nat') for (const host of site.inRegion(region)) await host.networks.removeNat(id)
  await records.remove('subnet', id)
}
