import type { protos } from '@google-cloud/compute'
import type { CloudNetwork, CloudSubnet, NetworksFacet } from '#shared/clouds/port.ts'
import { orMissing, type GcpClient } from '#shared/clouds/gcp/client.ts'
import { describeThing, readDescribed } from '#shared/clouds/gcp/networks/described.ts'
import { deleteThing, insertThing } from '#shared/clouds/gcp/networks/made.ts'
import { idOf, lastPart, nameFor, parseLink } from '#shared/clouds/gcp/names.ts'
import { pages } from '#shared/clouds/gcp/paging.ts'

type Network = protos.google.cloud.compute.v1.INetwork
type Subnetwork = protos.google.cloud.compute.v1.ISubnetwork

/** VPC networks, which are global, with their subnets of a region. */
export function createVpcs(
  gcp: GcpClient,
): Pick<NetworksFacet, 'list' | 'get' | 'create' | 'delete' | 'subnets'> {
  const { project } = gcp
  return {
    async *list({ region }) {
      const subnets = await subnetsIn(gcp, region)
      for await (const network of networksOf(gcp)) yield toNetwork(network, region, subnets)
    },

    async get({ region, id }) {
      const { name: network } = parseLink(id, 'networks')
      const found = await orMissing(
        gcp.compute('Networks', 'compute.networks.get', (client, once) =>
          client.get({ project, network }, once),
        ),
      )
      return found && toNetwork(found[0], region, await subnetsIn(gcp, region))
    },

    /** Google's networks have no range; the one asked for is kept with it, for people. */
    async create({ token, tags, region, name, cidr }) {
      const network = nameFor(token)
      const networkResource: Network = {
        name: network,
        description: describeThing(name, tags, { cidr }),
        autoCreateSubnetworks: false,
        routingConfig: { routingMode: 'REGIONAL' },
      }
      await insertThing(gcp, 'Networks', 'compute.networks.insert', token, (client, requestId, once) =>
        client.insert({ project, requestId, networkResource }, once),
      )
      return { region, id: networkId(network) }
    },

    async delete({ id }) {
      const { name: network } = parseLink(id, 'networks')
      await deleteThing(gcp, 'Networks', 'compute.networks.delete', (client, once) =>
        client.delete({ project, network }, once),
      )
    },

    subnets: {
      async create({ token, tags, network, name, cidr }) {
        const { region } = network
        const subnetwork = nameFor(token)
        const subnetworkResource: Subnetwork = {
          name: subnetwork,
          description: describeThing(name, tags),
          network: networkId(parseLink(network.id, 'networks').name),
          ipCidrRange: cidr,
        }
        await insertThing(
          gcp,
          'Subnetworks',
          'compute.subnetworks.insert',
          token,
          (client, requestId, once) =>
            client.insert({ project, region, requestId, subnetworkResource }, once),
        )
        return { region, id: subnetId(region, subnetwork) }
      },

      async delete(ref) {
        const { place, name: subnetwork } = parseLink(ref.id, 'subnetworks')
        const region = place || ref.region
        await deleteThing(gcp, 'Subnetworks', 'compute.subnetworks.delete', (client, once) =>
          client.delete({ project, region, subnetwork }, once),
        )
      },
    },
  }
}

/** All networks of the project. */
export const networksOf = (gcp: GcpClient): AsyncGenerator<Network> =>
  pages(gcp, 'Networks', 'compute.networks.list', (client, once) =>
    client.listAsync({ project: gcp.project }, once),
  )

/** All subnets of a region. */
export const subnetworksOf = (gcp: GcpClient, region: string): AsyncGenerator<Subnetwork> =>
  pages(gcp, 'Subnetworks', 'compute.subnetworks.list', (client, once) =>
    client.listAsync({ project: gcp.project, region }, once),
  )

export const networkId = (name: string): string =>
  idOf({ scope: 'global', place: '', collection: 'networks', name })
export const subnetId = (region: string, name: string): string =>
  idOf({ scope: 'regions', place: region, collection: 'subnetworks', name })

export function toSubnet(subnet: Subnetwork): CloudSubnet {
  const { name, tags } = readDescribed(subnet)
  const region = lastPart(subnet.region)
  return {
    region,
    id: subnetId(region, subnet.name ?? ''),
    name,
    network: networkId(lastPart(subnet.network)),
    cidr: subnet.ipCidrRange ?? '',
    tags,
  }
}

async function subnetsIn(gcp: GcpClient, region: string): Promise<CloudSubnet[]> {
  const found: CloudSubnet[] = []
  for await (const subnet of subnetworksOf(gcp, region)) found.push(toSubnet(subnet))
  return found
}

function toNetwork(network: Network, region: string, subnets: readonly CloudSubnet[]): CloudNetwork {
  const { name, tags } = readDescribed(network)
  const id = networkId(network.name ?? '')
  return {
    region,
    id,
    name,
    cidrs: [],
    state: 'ready',
    isDefault: network.name === 'default',
    subnets: subnets.filter((subnet) => subnet.network === id),
    tags,
  }
}
