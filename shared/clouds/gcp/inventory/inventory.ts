import type {
  CloudRef,
  InventoryFacet,
  NetworksFacet,
  OwnedResource,
  StorageFacet,
} from '#shared/clouds/port.ts'
import {
  cancelBuild,
  getBuild,
  ownedBuilds,
  untilOver,
  type Build,
} from '#shared/clouds/gcp/builds/builds.ts'
import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { toVm } from '#shared/clouds/gcp/compute/mapping.ts'
import { instancesOf } from '#shared/clouds/gcp/compute/vms.ts'
import { removeExport } from '#shared/clouds/gcp/disks/export.ts'
import { deleteImage, toSnapshot } from '#shared/clouds/gcp/disks/snapshots.ts'
import { imageId, intentKey, type Staging } from '#shared/clouds/gcp/disks/staging.ts'
import { addressesOf, toAddress } from '#shared/clouds/gcp/networks/addresses.ts'
import { readDescribed } from '#shared/clouds/gcp/networks/described.ts'
import { ownedGroups } from '#shared/clouds/gcp/networks/groups.ts'
import { deleteThing } from '#shared/clouds/gcp/networks/made.ts'
import { networkId, networksOf, subnetworksOf, toSubnet } from '#shared/clouds/gcp/networks/vpcs.ts'
import { idOf, lastPart, parseLink, regionOfZone } from '#shared/clouds/gcp/names.ts'
import { pages } from '#shared/clouds/gcp/paging.ts'
import { bucketTags, listBuckets, regionOf as regionOfBucket } from '#shared/clouds/gcp/storage/buckets.ts'
import type { Gcs } from '#shared/clouds/gcp/storage/gcs.ts'
import { carries, labelFilter, readKept, tagsOf } from '#shared/clouds/gcp/tags.ts'
import { CloudError } from '#shared/clouds/errors.ts'

type Tags = Record<string, string>

/** What other facets remove. */
export interface Removers {
  deleteVm: (ref: CloudRef) => Promise<void>
  deleteSnapshot: (ref: CloudRef) => Promise<void>
  networks: NetworksFacet
  storage: StorageFacet
}

/**
 * What carries our owner tags, in the order in which it can be removed. Snapshots, images, networks and firewall rules are global to Google: images and networks
 * are told in every region, and so are builds. `staging` is what a disk that is being written, or an export, keeps in the staging bucket.
 */
export function createInventory(
  gcp: GcpClient,
  gcs: Gcs,
  staging: Staging,
  removers: Removers,
): InventoryFacet {
  const kinds = removals(gcp, staging, removers)
  return {
    settlesMs: gcp.settings.options.consistency_ms,
    async *owned({ region, tags }) {
      for (const list of [builds, labelled, described, inBuckets])
        for await (const resource of list(gcp, { region, tags, gcs, staging }))
          if (carries(resource.tags, tags)) yield resource
    },
    async remove(resource) {
      const removal = kinds[resource.kind]
      if (removal) return removal(resource)
      throw new CloudError(`Google Cloud has nothing of kind "${resource.kind}" to remove.`, {
        cloud: 'gcp',
        operation: 'remove',
        code: 'invalid_request',
        remedy: `Use one of: ${Object.keys(kinds).join(', ')}.`,
      })
    },
  }
}

interface Search {
  region: string
  tags: Tags
  gcs: Gcs
  staging: Staging
}

/** Builds that go on, which make more as long as they do; and those that left a file in the staging bucket when its intent had gone. */
async function* builds(gcp: GcpClient, { region, tags, staging }: Search): AsyncGenerator<OwnedResource> {
  for await (const build of ownedBuilds(gcp, tags))
    if (build.state === 'pending' || (await leftFile(staging, region, build)))
      yield { kind: 'build', region, id: build.id, tags }
}

async function leftFile(staging: Staging, region: string, build: Build): Promise<boolean> {
  const prefix = staging.prefixOfBuild(region, build)
  if (prefix === undefined) return false
  // With its intent it is told of as staging.
  for await (const _ of staging.list(region, intentKey(prefix))) return false
  for await (const _ of staging.list(region, prefix)) return true
  return false
}

/** What takes labels: Google finds it. */
async function* labelled(gcp: GcpClient, { region, tags }: Search): AsyncGenerator<OwnedResource> {
  const { project } = gcp
  const filter = labelFilter(tags)
  const query = { project, ...(filter === '' ? {} : { filter }) }

  for await (const instance of instancesOf(gcp, filter === '' ? undefined : filter)) {
    const { id, name, region: of, tags: its } = toVm(instance)
    if (of === region) yield { kind: 'vm', region, id, name, tags: its }
  }
  const disks = pages(gcp, 'Disks', 'compute.disks.aggregatedList', (client, once) =>
    client.aggregatedListAsync(query, once),
  )
  for await (const [, { disks: found }] of disks) {
    for (const { name, zone, labels, description } of found ?? []) {
      const place = lastPart(zone)
      if (place === '' || regionOfZone(place) !== region) continue
      const id = idOf({ scope: 'zones', place, collection: 'disks', name: name ?? '' })
      yield named(
        { kind: 'disk', region, id, tags: tagsOf(labels, readKept(description)) },
        readKept(description).name,
      )
    }
  }
  const snapshots = pages(gcp, 'Snapshots', 'compute.snapshots.list', (client, once) =>
    client.listAsync(query, once),
  )
  for await (const snapshot of snapshots) {
    const found = toSnapshot(gcp, snapshot)
    if (found.region === region)
      yield { kind: 'snapshot', region, id: found.id, name: found.name, tags: found.tags }
  }
  const images = pages(gcp, 'Images', 'compute.images.list', (client, once) => client.listAsync(query, once))
  for await (const { name, labels, description } of images) {
    const kept = readKept(description)
    yield named({ kind: 'image', region, id: imageId(name ?? ''), tags: tagsOf(labels, kept) }, kept.name)
  }
  for await (const address of addressesOf(gcp, region)) {
    const { id, name, tags: its } = toAddress(address)
    yield { kind: 'address', region, id, name, tags: its }
  }
}

/** What has only a description: all of it is read. */
async function* described(gcp: GcpClient, { region }: Search): AsyncGenerator<OwnedResource> {
  for await (const group of ownedGroups(gcp)) yield { kind: 'security_group', region, ...group }
  for await (const subnet of subnetworksOf(gcp, region)) {
    const { id, name, tags } = toSubnet(subnet)
    yield { kind: 'subnet', region, id, name, tags }
  }
  for await (const network of networksOf(gcp)) {
    const { name, tags } = readDescribed(network)
    yield { kind: 'network', region, id: networkId(network.name ?? ''), name, tags }
  }
}

async function* inBuckets(_: GcpClient, { region, staging, gcs }: Search): AsyncGenerator<OwnedResource> {
  for await (const { prefix, tags } of staging.owned(region))
    yield { kind: 'staging', region, id: prefix, tags }
  for await (const bucket of listBuckets(gcs)) {
    if (regionOfBucket(bucket) !== region || !bucket.name) continue
    yield { kind: 'bucket', region, id: bucket.name, name: bucket.name, tags: bucketTags(bucket) }
  }
}

function removals(
  gcp: GcpClient,
  staging: Staging,
  { deleteVm, deleteSnapshot, networks, storage }: Removers,
): Readonly<Record<string, (resource: OwnedResource) => Promise<void>>> {
  const { project } = gcp
  return {
    vm: deleteVm,
    disk: async ({ id }) => {
      const { place: zone, name: disk } = parseLink(id, 'disks')
      await deleteThing(gcp, 'Disks', 'compute.disks.delete', (client, once) =>
        client.delete({ project, zone, disk }, once),
      )
    },
    snapshot: deleteSnapshot,
    image: async ({ id }) => deleteImage(gcp, parseLink(id, 'images').name),
    address: networks.addresses.delete,
    security_group: networks.securityGroups.delete,
    subnet: networks.subnets.delete,
    network: networks.delete,
    build: async ({ region, id }) => {
      const build = await getBuild(gcp, id)
      if (build === undefined) return
      if (build.state === 'pending') {
        await cancelBuild(gcp, id)
        await untilOver(gcp, build)
      }
      const prefix = staging.prefixOfBuild(region, build)
      if (prefix !== undefined) await staging.clear(region, prefix)
    },
    staging: ({ region, id }) =>
      id.startsWith('exports/') ? removeExport(gcp, staging, region, id) : staging.clear(region, id),
    bucket: (ref) => storage.buckets.delete(ref, { withObjects: true }),
  }
}

const named = (resource: OwnedResource, name: string | undefined): OwnedResource =>
  name === undefined ? resource : { ...resource, name }
