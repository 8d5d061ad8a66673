import type { CloudRef, DisksFacet } from '#shared/clouds/port.ts'
import { assertCapable } from '#shared/clouds/operations.ts'
import { gcpCapabilities } from '#shared/clouds/gcp/capabilities.ts'
import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { openExport, removeExport } from '#shared/clouds/gcp/disks/export.ts'
import { sealDisk } from '#shared/clouds/gcp/disks/seal.ts'
import { createSealedSink, createSink } from '#shared/clouds/gcp/disks/sink.ts'
import { createSnapshots, deleteImage } from '#shared/clouds/gcp/disks/snapshots.ts'
import { exportPrefix, writingPrefix, type Staging } from '#shared/clouds/gcp/disks/staging.ts'
import { findImage, keepIntent, readIntent } from '#shared/clouds/gcp/disks/written.ts'
import { parseLink } from '#shared/clouds/gcp/names.ts'
import { readKept, tagsOf } from '#shared/clouds/gcp/tags.ts'
import { CloudError } from '#shared/clouds/errors.ts'

/**
 * The disk plane of Google Cloud, which has no block API: a disk is written as chunks in the staging bucket that become an image, and read as a QCOW2 file
 * that an image is exported to. VMs are created from the images.
 */
export function createDisks(gcp: GcpClient, staging: Staging): DisksFacet {
  return {
    ...createSnapshots(gcp, staging),

    async openChanges() {
      assertCapable('gcp', gcpCapabilities, 'disks.openChanges')
      throw new Error('unreachable: the capability is lacking')
    },

    async createDisk(request) {
      if (request.parent !== undefined) assertCapable('gcp', gcpCapabilities, 'disks.write_delta')
      return keepIntent(staging, request)
    },

    async openDiskForWrite(ref) {
      const written = await readIntent(staging, ref)
      const image = await findImage(gcp, ref)
      if (image) return createSealedSink(written?.sizeBytes ?? image.sizeBytes, ref.id)
      if (!written) throw missing(ref)
      return createSink({ staging, region: ref.region, image: parseLink(ref.id, 'images').name, written })
    },

    sealDisk: (ref, manifest) => sealDisk(gcp, staging, ref, manifest),

    async openDisk(ref) {
      const image = await findImage(gcp, ref)
      if (!image) throw missing(ref)
      const exported = {
        ref,
        kind: 'images' as const,
        tags: tagsOf(image.labels, readKept(image.description)),
        image: () => Promise.resolve(`projects/${image.project}/global/images/${image.name}`),
        done: () => Promise.resolve(),
      }
      return openExport(gcp, staging, exported, image.sizeBytes)
    },

    deleteDisk: (ref) => deleteDisk(gcp, staging, ref),
  }
}

/** Removes a written disk in any state: its chunks, its image and what that was exported as. */
export async function deleteDisk(gcp: GcpClient, staging: Staging, ref: CloudRef): Promise<void> {
  const { name, project } = parseLink(ref.id, 'images')
  await deleteImage(gcp, name, project)
  await removeExport(gcp, staging, ref.region, exportPrefix(ref, 'images'))
  await staging.clear(ref.region, writingPrefix(name))
}

const missing = ({ id }: CloudRef): CloudError =>
  new CloudError(`Google Cloud has no disk ${id}, neither written nor waiting for its bytes.`, {
    cloud: 'gcp',
    operation: 'compute.images.get',
    code: 'not_found',
    remedy: 'Make a new disk and copy again.',
  })
