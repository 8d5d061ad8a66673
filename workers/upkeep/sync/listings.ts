import type { Operation } from '#shared/clouds/operations.ts'
import type { Cloud } from '#shared/clouds/port.ts'
import type { ResourceKind } from '#shared/resources/kinds.ts'
import {
  seeAddress,
  seeBucket,
  seeImage,
  seeNetwork,
  seeSecurityGroup,
  seeSnapshot,
  seeSubnet,
  seeVolume,
  type Seen,
} from '#workers/resources/seen.ts'

/** One listing of a cloud, and the kinds of resources that it is the whole of. */
export interface Listing {
  operation: Operation
  kinds: readonly ResourceKind[]
  list(cloud: Cloud, region: string): AsyncIterable<{ kind: ResourceKind; seen: Seen }>
}

/** By the names of the steps that take them. */
export const listings = {
  networks: {
    operation: 'networks.list',
    kinds: ['network', 'subnet'],
    async *list(cloud, region) {
      for await (const network of cloud.networks.list({ region })) {
        yield { kind: 'network', seen: seeNetwork(network) }
        for (const subnet of network.subnets) yield { kind: 'subnet', seen: seeSubnet(subnet) }
      }
    },
  },
  security_groups: one('security_group', 'networks.securityGroups.list', (cloud, region) =>
    map(cloud.networks.securityGroups.list({ region }), seeSecurityGroup),
  ),
  addresses: one('address', 'networks.addresses.list', (cloud, region) =>
    map(cloud.networks.addresses.list({ region }), seeAddress),
  ),
  volumes: one('volume', 'storage.volumes.list', (cloud, region) =>
    map(cloud.storage.volumes.list({ region }), seeVolume),
  ),
  snapshots: one('snapshot', 'disks.listSnapshots', (cloud, region) =>
    map(cloud.disks.listSnapshots({ region }), seeSnapshot),
  ),
  images: one('image', 'images.list', (cloud, region) => map(cloud.images.list({ region }), seeImage)),
  buckets: one('bucket', 'storage.buckets.list', (cloud, region) =>
    map(cloud.storage.buckets.list({ region }), seeBucket),
  ),
} as const satisfies Record<string, Listing>

function one(
  kind: ResourceKind,
  operation: Operation,
  list: (cloud: Cloud, region: string) => AsyncIterable<Seen>,
): Listing {
  return {
    operation,
    kinds: [kind],
    async *list(cloud, region) {
      for await (const seen of list(cloud, region)) yield { kind, seen }
    },
  }
}

async function* map<From, To>(source: AsyncIterable<From>, into: (from: From) => To): AsyncIterable<To> {
  for await (const from of source) yield into(from)
}
