import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { instancesOf } from '#shared/clouds/gcp/compute/vms.ts'
import { toSnapshot } from '#shared/clouds/gcp/disks/snapshots.ts'
import { isPublic, listRawImages } from '#shared/clouds/gcp/images/reading.ts'
import { toImage } from '#shared/clouds/gcp/images/mapping.ts'
import { lastPart, regionOfZone } from '#shared/clouds/gcp/names.ts'
import { addressesOf, toAddress } from '#shared/clouds/gcp/networks/addresses.ts'
import { pages } from '#shared/clouds/gcp/paging.ts'
import { groupsPosture } from '#shared/clouds/gcp/posture/groups.ts'
import { networksPosture } from '#shared/clouds/gcp/posture/networks.ts'
import { diskPosture, vmPosture } from '#shared/clouds/gcp/posture/machines.ts'
import { accessOf, bucketTags, listBuckets, regionOf } from '#shared/clouds/gcp/storage/buckets.ts'
import type { Gcs } from '#shared/clouds/gcp/storage/gcs.ts'
import { diskRegion } from '#shared/clouds/gcp/storage/volume-mapping.ts'
import { listDisks } from '#shared/clouds/gcp/storage/volumes.ts'
import type { PostureFacet, PostureResource } from '#shared/clouds/port.ts'

/** What checks look at. Google encrypts everything at rest; global things are told with every region that is asked for. */
export function createPosture(gcp: GcpClient, gcs: Gcs): PostureFacet {
  return {
    async *inventory({ region }) {
      yield* vms(gcp, region)
      for await (const disk of listDisks(gcp)) if (diskRegion(disk) === region) yield diskPosture(disk)
      yield* snapshots(gcp, region)
      yield* images(gcp, region)
      yield* buckets(gcs, region)
      yield* groupsPosture(gcp, region)
      yield* networksPosture(gcp, region)
      for await (const raw of addressesOf(gcp, region)) {
        const { id, name, tags } = toAddress(raw)
        yield { kind: 'address', region, id, name, tags, attached: (raw.users ?? []).length > 0 }
      }
      yield await account(gcp, region)
    },
  }
}

async function* vms(gcp: GcpClient, region: string): AsyncGenerator<PostureResource> {
  for await (const instance of instancesOf(gcp))
    if (regionOfZone(lastPart(instance.zone)) === region) yield vmPosture(instance)
}

/** Snapshots cannot be given to everybody: https://cloud.google.com/compute/docs/disks/snapshots */
async function* snapshots(gcp: GcpClient, region: string): AsyncGenerator<PostureResource> {
  const all = pages(gcp, 'Snapshots', 'compute.snapshots.list', (client, once) =>
    client.listAsync({ project: gcp.project }, once),
  )
  for await (const raw of all) {
    const { id, name, tags, createdAt, ...snapshot } = toSnapshot(gcp, raw)
    if (snapshot.region !== region) continue
    const { kmsKeyName, sha256 } = raw.snapshotEncryptionKey ?? {}
    yield {
      kind: 'snapshot',
      region,
      id,
      name,
      tags,
      encrypted: true,
      customerKey: Boolean(kmsKeyName ?? sha256),
      public: false,
      ...(createdAt === undefined ? {} : { createdAt }),
    }
  }
}

async function* images(gcp: GcpClient, region: string): AsyncGenerator<PostureResource> {
  for await (const raw of listRawImages(gcp)) {
    const { id, name, tags, public: open } = toImage(region, raw, await isPublic(gcp, raw))
    yield { kind: 'image', region, id, name, tags, public: open, encrypted: true }
  }
}

async function* buckets(gcs: Gcs, region: string): AsyncGenerator<PostureResource> {
  for await (const metadata of listBuckets(gcs)) {
    if (regionOf(metadata) !== region) continue
    const { name = '', encryption, versioning, logging } = metadata
    yield {
      kind: 'bucket',
      region,
      id: name,
      name,
      tags: bucketTags(metadata),
      encrypted: true,
      customerKey: Boolean(encryption?.defaultKmsKeyName),
      access: await accessOf(gcs, metadata),
      versioning: versioning?.enabled === true,
      logging: Boolean(logging?.logBucket),
    }
  }
}

/** Whether the project lets serial consoles be opened, which each VM may overrule. */
async function account(gcp: GcpClient, region: string): Promise<PostureResource> {
  const { project } = gcp
  const [found] = await gcp.compute('Projects', 'compute.projects.get', (client, once) =>
    client.get({ project }, once),
  )
  const serial = found.commonInstanceMetadata?.items?.find(({ key }) => key === 'serial-port-enable')?.value
  return {
    kind: 'account',
    region,
    id: project,
    name: project,
    tags: {},
    disksEncryptedByDefault: true,
    publicSnapshotsBlocked: true,
    serialConsoleAllowed: isOn(serial),
  }
}

const isOn = (value: string | null | undefined): boolean => /^(1|true|y|yes)$/i.test(value ?? '')
