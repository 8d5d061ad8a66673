import type { protos } from '@google-cloud/compute'
import type { CloudRef, CloudSnapshot, CreationState, DisksFacet } from '#shared/clouds/port.ts'
import { orMissing, type GcpClient } from '#shared/clouds/gcp/client.ts'
import { runCall } from '#shared/clouds/gcp/compute/change.ts'
import { insertOnce } from '#shared/clouds/gcp/compute/insert.ts'
import { gibibyte } from '#shared/clouds/gcp/compute/mapping.ts'
import { openExport, removeExport } from '#shared/clouds/gcp/disks/export.ts'
import { exportPrefix, type Staging } from '#shared/clouds/gcp/disks/staging.ts'
import { homeRegion } from '#shared/clouds/gcp/settings.ts'
import { idOf, nameFor, parseLink, regionOfZone } from '#shared/clouds/gcp/names.ts'
import { pages } from '#shared/clouds/gcp/paging.ts'
import { keptText, labelsOf, readKept, tagsOf } from '#shared/clouds/gcp/tags.ts'
import { CloudError } from '#shared/clouds/errors.ts'

type Snapshot = protos.google.cloud.compute.v1.ISnapshot

/** Snapshots are global to Google; here one is of the region that its disk is in. */
export function createSnapshots(
  gcp: GcpClient,
  staging: Staging,
): Pick<
  DisksFacet,
  'createSnapshot' | 'snapshotState' | 'getSnapshot' | 'listSnapshots' | 'deleteSnapshot' | 'openSnapshot'
> {
  const read = (ref: CloudRef) => readSnapshot(gcp, ref)
  return {
    async createSnapshot({ token, tags, region, disk, name: wanted }) {
      const name = nameFor(token)
      const ref = { region, id: snapshotId(name) }
      if (await read(ref)) return ref
      const { project = gcp.project, place: zone, name: of } = parseLink(disk.id, 'disks')
      const description = keptText({ tags, ...(wanted === undefined ? {} : { name: wanted }) })
      const snapshotResource: Snapshot = {
        name,
        labels: labelsOf(tags),
        ...(description === undefined ? {} : { description }),
        storageLocations: [regionOfZone(zone) || region],
      }
      await insertSnapshot(gcp, token, (requestId) => ({
        project,
        zone,
        disk: of,
        requestId,
        snapshotResource,
      }))
      return ref
    },

    async snapshotState(ref) {
      const snapshot = await read(ref)
      return snapshot && stateOf(snapshot)
    },

    async getSnapshot(ref) {
      const snapshot = await read(ref)
      return snapshot && toSnapshot(gcp, snapshot)
    },

    async *listSnapshots({ region }) {
      const all = pages(gcp, 'Snapshots', 'compute.snapshots.list', (client, once) =>
        client.listAsync({ project: gcp.project }, once),
      )
      for await (const snapshot of all) {
        const found = toSnapshot(gcp, snapshot)
        if (found.region === region) yield found
      }
    },

    async deleteSnapshot(ref) {
      const { project = gcp.project, name: snapshot } = parseLink(ref.id, 'snapshots')
      const found = await read(ref)
      await removeExport(gcp, staging, ref.region, exportPrefix(ref, 'snapshots'))
      if (!found) return
      await deleteImage(gcp, transitName(ref))
      await orMissing(
        runCall(gcp, 'Snapshots', 'compute.snapshots.delete', (client, once) =>
          client.delete({ project, snapshot }, once),
        ),
      )
    },

    async openSnapshot(ref) {
      const snapshot = await read(ref)
      if (!snapshot) throw missing(ref)
      const { tags } = toSnapshot(gcp, snapshot)
      return openExport(gcp, staging, {
        ref,
        kind: 'snapshots',
        tags,
        image: () => imageOfSnapshot(gcp, ref, snapshot, tags),
        done: () => deleteImage(gcp, transitName(ref)),
      })
    },
  }
}

export const snapshotId = (name: string): string =>
  idOf({ scope: 'global', place: '', collection: 'snapshots', name })

/** A snapshot as all clouds tell it. */
export function toSnapshot(gcp: GcpClient, snapshot: Snapshot): CloudSnapshot {
  const kept = readKept(snapshot.description)
  const disk = snapshot.sourceDisk ? idOf(parseLink(snapshot.sourceDisk, 'disks')) : undefined
  return {
    region: regionOf(gcp, snapshot),
    id: snapshotId(snapshot.name ?? ''),
    name: kept.name ?? snapshot.name ?? '',
    state: stateOf(snapshot),
    sizeBytes: Number(snapshot.diskSizeGb ?? 0) * gibibyte,
    ...(disk === undefined ? {} : { disk }),
    encrypted: true,
    tags: tagsOf(snapshot.labels, kept),
    ...(snapshot.creationTimestamp ? { createdAt: new Date(snapshot.creationTimestamp) } : {}),
  }
}

/** Deletes an image and waits until it is gone. Gone already is fine. */
export async function deleteImage(
  gcp: GcpClient,
  image: string,
  project: string = gcp.project,
): Promise<void> {
  await orMissing(
    runCall(gcp, 'Images', 'compute.images.delete', (client, once) =>
      client.delete({ project, image }, once),
    ),
  )
}

async function readSnapshot(gcp: GcpClient, { id }: CloudRef): Promise<Snapshot | undefined> {
  const { project = gcp.project, name: snapshot } = parseLink(id, 'snapshots')
  const found = await orMissing(
    gcp.compute('Snapshots', 'compute.snapshots.get', (client, once) =>
      client.get({ project, snapshot }, once),
    ),
  )
  return found?.[0]
}

/** Google goes on with a snapshot after it has accepted it; the caller asks for its state. */
async function insertSnapshot(
  gcp: GcpClient,
  token: string,
  request: (requestId: string) => protos.google.cloud.compute.v1.ICreateSnapshotDiskRequest,
): Promise<void> {
  const pending = {
    ...gcp,
    finished: (_: string, started: protos.google.cloud.compute.v1.IOperation) => Promise.resolve(started),
  }
  await insertOnce(pending, 'compute.disks.createSnapshot', token, (requestId) =>
    gcp.compute('Disks', 'compute.disks.createSnapshot', async (client, once) => {
      const [operation] = await client.createSnapshot(request(requestId), once)
      return operation.latestResponse as protos.google.cloud.compute.v1.IOperation
    }),
  )
}

/** The image that a snapshot is exported as. */
const transitName = (ref: CloudRef): string =>
  `${nameFor(`export of ${parseLink(ref.id, 'snapshots').name}`)}-x`

async function imageOfSnapshot(
  gcp: GcpClient,
  ref: CloudRef,
  snapshot: Snapshot,
  tags: Record<string, string>,
): Promise<string> {
  const name = transitName(ref)
  const imageResource = {
    name,
    labels: labelsOf(tags),
    storageLocations: [ref.region],
    sourceSnapshot: ref.id.includes('/') ? ref.id : snapshotId(ref.id),
  }
  await insertOnce(gcp, 'compute.images.insert', `${name} ${String(snapshot.id ?? '')}`, (requestId) =>
    gcp.compute('Images', 'compute.images.insert', async (client, once) => {
      const [operation] = await client.insert({ project: gcp.project, requestId, imageResource }, once)
      return operation.latestResponse as protos.google.cloud.compute.v1.IOperation
    }),
  )
  return `projects/${gcp.project}/global/images/${name}`
}

/** Of its disk, as long as it is known; else of where it is stored. */
function regionOf(gcp: GcpClient, { sourceDisk, storageLocations }: Snapshot): string {
  const place = sourceDisk ? parseLink(sourceDisk, 'disks') : undefined
  if (place?.scope === 'zones' && place.place !== '') return regionOfZone(place.place)
  if (place?.scope === 'regions') return place.place
  return storageLocations?.[0] ?? homeRegion(gcp.settings)
}

function stateOf({ status }: Snapshot): CreationState {
  if (status === 'READY') return 'ready'
  return status === 'CREATING' || status === 'UPLOADING' ? 'pending' : 'failed'
}

const missing = ({ id }: CloudRef): CloudError =>
  new CloudError(`Google Cloud has no snapshot ${id}.`, {
    cloud: 'gcp',
    operation: 'compute.snapshots.get',
    code: 'not_found',
  })
