import type { CloudRef } from '#shared/clouds/port.ts'
import type { DiskSource } from '#shared/disks/port.ts'
import { openQcow2 } from '#shared/disks/qcow2.ts'
import {
  cancelBuild,
  getBuild,
  listBuilds,
  startBuild,
  untilOver,
  type Build,
} from '#shared/clouds/gcp/builds/builds.ts'
import { exportStep } from '#shared/clouds/gcp/builds/tools.ts'
import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { createPieceReader, digestStep, parseDigests, pieceBytes } from '#shared/clouds/gcp/disks/pieces.ts'
import { shortDigest } from '#shared/clouds/gcp/disks/sink.ts'
import { exportPrefix, intentKey, type Staging } from '#shared/clouds/gcp/disks/staging.ts'
import { CloudError } from '#shared/clouds/errors.ts'

/** What is to be read: an image, or a snapshot of which an image is made for as long as the export runs. */
export interface Exported {
  ref: CloudRef
  kind: 'images' | 'snapshots'
  tags: Record<string, string>
  /** Gives the image to export, e.g. `projects/p/global/images/i`. */
  image(): Promise<string>
  /** Called when it is exported. */
  done(): Promise<void>
}

/**
 * Opens an image or a snapshot for reading. Google has no call that reads a disk: Cloud Build exports it as a QCOW2 file to the staging bucket (minutes, by
 * the size of the disk), and that is read by ranges. The file stays when the source is closed, so that reading goes on after a crash without
 * another export; it goes with the image or the snapshot.
 */
export async function openExport(
  gcp: GcpClient,
  staging: Staging,
  exported: Exported,
  sizeBytes?: number,
): Promise<DiskSource> {
  const { region } = exported.ref
  const prefix = exportPrefix(exported.ref, exported.kind)
  const bucket = await staging.bucket(region)
  const keys = { disk: `${prefix}disk.qcow2`, digests: `${prefix}digests` }
  const stored = async () => {
    const digests = await staging.objects.stat(bucket, keys.digests)
    const disk = digests && (await staging.objects.stat(bucket, keys.disk))
    return digests && disk && digests.createdAt >= disk.createdAt ? { digests, disk } : undefined
  }
  let there = await stored()
  if (!there) {
    await runExport(gcp, staging, exported, { bucket, prefix, ...keys })
    there = await stored()
  }
  await exported.done()
  if (!there) throw lost(exported.ref)
  const text = await staging.objects.readRange(bucket, keys.digests, 0, there.digests.sizeBytes)
  const digests = parseDigests(text.toString(), there.disk.sizeBytes)
  const image = await openQcow2(
    createPieceReader({ objects: staging.objects, bucket, object: there.disk, digests }),
  )
  const size = sizeBytes ?? image.sizeBytes
  return {
    sizeBytes: size,
    granularityBytes: 512,
    preferredChunkBytes: pieceBytes,
    async *extents(signal) {
      for await (const { offset, length } of image.extents(signal))
        if (offset < size) yield { offset, length: Math.min(length, size - offset) }
    },
    read: image.read,
    close: () => Promise.resolve(),
  }
}

/** Removes what a disk was exported as. An export that still runs is ended first, so that it leaves nothing later. */
export async function removeExport(
  gcp: GcpClient,
  staging: Staging,
  region: string,
  prefix: string,
): Promise<void> {
  for await (const _ of staging.list(region, intentKey(prefix))) {
    for await (const { id, state } of listBuilds(gcp, exportTag(staging.bucketOf(region), prefix))) {
      if (state !== 'pending') continue
      await cancelBuild(gcp, id)
      await untilOver(gcp, await getBuild(gcp, id))
    }
  }
  await staging.clear(region, prefix)
}

/** Starts the export, or finds the one that runs, and waits for its end. A build that failed before is not asked again. */
async function runExport(
  gcp: GcpClient,
  staging: Staging,
  { ref, tags, image }: Exported,
  { bucket, prefix, disk, digests }: { bucket: string; prefix: string; disk: string; digests: string },
): Promise<void> {
  await staging.objects.put(bucket, intentKey(prefix), Buffer.from(JSON.stringify({ of: ref.id })), {
    contentType: 'application/json',
    metadata: tags,
  })
  const tag = exportTag(bucket, prefix)
  let earlier = 0
  let build: Build | undefined
  for await (const found of listBuilds(gcp, tag)) {
    earlier += 1
    if (found.state === 'pending') build = found
  }
  build ??= await startBuild(gcp, {
    token: `${tag}-${earlier}`,
    tags: [tag],
    owner: tags,
    step: exportStep(gcp.settings, {
      image: await image(),
      target: `gs://${bucket}/${disk}`,
      format: 'qcow2',
    }),
    after: [digestStep(`gs://${bucket}/${disk}`, `gs://${bucket}/${digests}`)],
  })
  build = await untilOver(gcp, build)
  if (build?.state === 'ready') return
  throw new CloudError(`Cloud Build could not export ${ref.id}: ${build?.message ?? 'the build is gone'}`, {
    cloud: 'gcp',
    operation: 'cloudbuild.projects.builds.create',
    code: 'cloud_error',
    kind: 'retryable',
    remedy:
      'Look at the build’s log. Its service account needs the roles Compute Admin, Service Account User and Storage Admin, and a network named default or options.network.',
  })
}

/** Finds the builds of an export again. */
const exportTag = (bucket: string, prefix: string): string =>
  `novacron-export-${shortDigest(`${bucket}/${prefix}`)}`

const lost = ({ id }: CloudRef): CloudError =>
  new CloudError(`The export of ${id} ended and left no file.`, {
    cloud: 'gcp',
    operation: 'storage.objects.get',
    code: 'cloud_error',
    kind: 'retryable',
    remedy: 'It is exported again; look at the build’s log if that does not help.',
  })
