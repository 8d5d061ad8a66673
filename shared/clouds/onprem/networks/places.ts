import type { CloudNetwork } from '#shared/clouds/port.ts'
import type { NetworkKind } from '#shared/clouds/onprem/host.ts'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import { idFor } from '#shared/clouds/onprem/ids.ts'

/** A network with its subnets, as the provider knows it. */
export interface Place {
  id: string
  name: string
  kind: NetworkKind
  /** Undefined for a bridge: its addresses are given by whoever runs what is behind it. */
  cidr?: string
  /** Of a bridge, its name on the host. */
  source?: string
  /** Neither made nor deleted by anybody: the location's default network and the configured bridges. */
  builtIn: boolean
  tags: Record<string, string>
  subnets: PlaceSubnet[]
}

export interface PlaceSubnet {
  id: string
  name: string
  cidr?: string
  tags: Record<string, string>
}

/**
 * Range of the default network. QEMU's own default, 10.0.2.0/24, has room for 250 machines with addresses of their own; this has for 65,000, and is
 * of the private ranges (RFC 1918) one that few sites use, so that machines can reach their site's hosts.
 */
export const defaultCidr = '10.213.0.0/16'

export const defaultSubnetId = (region: string): string => idFor('subnet', `default ${region}`)

/** Every network of a location: the default one, the configured bridges, then those that were made. */
export async function placesIn(site: Site, region: string): Promise<Place[]> {
  const home = site.homeOf(region)
  const [networks, subnets] = await Promise.all([home.records.list('network'), home.records.list('subnet')])
  const made = networks.map(({ id, body: { name, kind, cidr, source, tags } }): Place => {
    const own = subnets.filter(({ body }) => body.network === id)
    return {
      id,
      name,
      kind,
      cidr,
      ...(source === undefined ? {} : { source }),
      builtIn: false,
      tags,
      subnets: own.map(({ id: subnet, body }) => ({
        id: subnet,
        name: body.name,
        cidr: body.cidr,
        tags: body.tags,
      })),
    }
  })
  return [
    defaultPlace(region),
    ...bridgesOf(site, region).map((bridge) => bridgePlace(region, bridge)),
    ...made,
  ]
}

/** The network that a subnet is of, and the subnet; undefined if the location has none of that id. */
export async function findSubnet(
  site: Site,
  region: string,
  id: string,
): Promise<{ place: Place; subnet: PlaceSubnet } | undefined> {
  const fixed = [defaultPlace(region), ...bridgesOf(site, region).map((one) => bridgePlace(region, one))]
  const within = (places: readonly Place[]) =>
    places
      .flatMap((place) => place.subnets.map((subnet) => ({ place, subnet })))
      .find(({ subnet }) => subnet.id === id)
  return within(fixed) ?? within(await placesIn(site, region))
}

export const toNetwork = (
  region: string,
  { id, name, kind, cidr, builtIn, tags, subnets }: Place,
): CloudNetwork => ({
  region,
  id,
  name,
  cidrs: cidr === undefined ? [] : [cidr],
  state: 'ready',
  isDefault: builtIn && kind === 'user',
  subnets: subnets.map((subnet) => ({
    region,
    id: subnet.id,
    name: subnet.name,
    network: id,
    cidr: subnet.cidr ?? '',
    tags: subnet.tags,
  })),
  tags,
})

const defaultPlace = (region: string): Place => ({
  id: idFor('net', `default ${region}`),
  name: 'default',
  kind: 'user',
  cidr: defaultCidr,
  builtIn: true,
  tags: {},
  subnets: [{ id: defaultSubnetId(region), name: 'default', cidr: defaultCidr, tags: {} }],
})

/** Bridges that some host of the location has by its settings. */
const bridgesOf = (site: Site, region: string): string[] =>
  [...new Set(site.inRegion(region).flatMap(({ settings }) => settings.bridges))].toSorted()

const bridgePlace = (region: string, bridge: string): Place => ({
  id: idFor('net', `bridge ${region}`, bridge),
  name: bridge,
  kind: 'bridge',
  source: bridge,
  builtIn: true,
  tags: {},
  subnets: [{ id: idFor('subnet', `bridge ${region}`, bridge), name: bridge, tags: {} }],
})
