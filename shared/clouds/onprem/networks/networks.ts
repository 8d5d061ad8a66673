import type { CloudRef, NetworksFacet } from '#shared/clouds/port.ts'
import { answering } from '#shared/clouds/onprem/answering.ts'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import type { NetworkKind } from '#shared/clouds/onprem/host.ts'
import { idFor } from '#shared/clouds/onprem/ids.ts'
import { createAddresses } from '#shared/clouds/onprem/networks/addresses.ts'
import { createSecurityGroups } from '#shared/clouds/onprem/networks/groups.ts'
import { placesIn, toNetwork } from '#shared/clouds/onprem/networks/places.ts'
import { rangeFor } from '#shared/clouds/onprem/networks/ranges.ts'
import { createSubnets } from '#shared/clouds/onprem/networks/subnets.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'

/**
 * Networks of a location. Made ones are NAT networks of the hosts where all of them offer those (machines of one host reach each other), else
 * user-mode networks: each machine is behind a router of its own, reaches out, and is reached only by what an address forwards.
 */
export function createNetworks(site: Site): NetworksFacet {
  return {
    async *list({ region }) {
      for (const place of await placesIn(site, region)) yield toNetwork(region, place)
    },
    async get({ region, id }) {
      const place = (await placesIn(site, region)).find((each) => each.id === id)
      return place && toNetwork(region, place)
    },
    create: (request) => createNetwork(site, request),
    delete: (ref) => deleteNetwork(site, ref),
    subnets: createSubnets(site),
    securityGroups: createSecurityGroups(site),
    addresses: createAddresses(site),
  }
}

async function createNetwork(
  site: Site,
  { region, token, name, cidr, tags }: Parameters<NetworksFacet['create']>[0],
): Promise<CloudRef> {
  rangeFor('networks.create', cidr)
  const { records } = site.homeOf(region)
  const id = idFor('net', token)
  if ((await records.get('network', id)) === undefined) {
    const kind = await kindOffered(site, region)
    await records.insert('network', id, { name, tags, createdAt: new Date().toISOString(), kind, cidr })
  }
  return { region, id }
}

/** By the hosts that answer: one that is down takes no machines, and is asked again before it does. */
async function kindOffered(site: Site, region: string): Promise<NetworkKind> {
  const answers = await answering(site.inRegion(region).map((host) => host.facts()))
  return answers.every(({ networkKinds }) => networkKinds.includes('nat')) ? 'nat' : 'user'
}

async function deleteNetwork(site: Site, { region, id }: CloudRef): Promise<void> {
  const place = (await placesIn(site, region)).find((each) => each.id === id)
  if (place === undefined) return
  if (place.builtIn)
    throw refusal('networks.delete', `The network ${place.name} of ${region} is its own and stays.`, {
      code: 'invalid_request',
      remedy:
        place.kind === 'bridge'
          ? 'Take the bridge out of the hosts’ settings instead.'
          : 'Leave it; VMs need not use it.',
    })
  if (place.subnets.length > 0)
    throw refusal(
      'networks.delete',
      `The network ${id} still has subnets: ${place.subnets.map((one) => one.id).join(', ')}.`,
      {
        code: 'conflict',
        kind: 'retryable',
        remedy: 'Delete its subnets first.',
      },
    )
  await site.homeOf(region).records.remove('network', id)
}
