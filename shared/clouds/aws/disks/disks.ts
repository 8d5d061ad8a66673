import type { CloudRef, CloudSnapshot, DisksFacet } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import { openChangedBlocks, openSnapshotBlocks } from '#shared/clouds/aws/disks/blocks.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { deregister, describeImages } from '#shared/clouds/aws/compute/images.ts'
import { openImport, sealImport, startImport } from '#shared/clouds/aws/disks/imports.ts'
import { tokenTag, toCreationState, toSnapshot } from '#shared/clouds/aws/mapping.ts'
import {
  deleteSnapshot,
  deleteWithTwins,
  describeSnapshots,
  ensureSnapshot,
  eraseSnapshot,
  findSnapshot,
} from '#shared/clouds/aws/disks/snapshots.ts'

/** Disks of EC2. An imported disk is an EBS snapshot until `compute.create` turns it into a volume of a VM. */
export function createDisks(aws: AwsClients): DisksFacet {
  return {
    createSnapshot: (request) => ensureSnapshot(aws, request),
    async snapshotState(ref) {
      const snapshot = await findSnapshot(aws, ref)
      return snapshot && toCreationState(snapshot)
    },
    async getSnapshot(ref) {
      const snapshot = await findSnapshot(aws, ref)
      return snapshot && toSnapshot(snapshot, ref.region)
    },
    async *listSnapshots({ region }): AsyncGenerator<CloudSnapshot> {
      for await (const snapshot of describeSnapshots(aws, region, { OwnerIds: ['self'] })) {
        yield toSnapshot(snapshot, region)
      }
    },
    deleteSnapshot: (ref) => deleteWithTwins(aws, ref),
    openSnapshot: (ref) => openSnapshotBlocks(aws, ref),
    openChanges: (base, ref) => openChangedBlocks(aws, base, ref),

    createDisk: (request) => startImport(aws, request),
    openDiskForWrite: (ref) => openImport(aws, ref),
    sealDisk: (ref, manifest) => sealImport(aws, ref, manifest),
    openDisk: (ref) => openSnapshotBlocks(aws, ref),
    deleteDisk: (ref) => deleteImport(aws, ref),
  }
}

/** A creation that died half way may have left an image that holds the snapshot: it goes first. Images of others are left alone. */
async function deleteImport(aws: AwsClients, ref: CloudRef): Promise<void> {
  try {
    await deleteSnapshot(aws, ref)
  } catch (error) {
    if (!(error instanceof CloudError && error.vendorCode === 'InvalidSnapshot.InUse')) throw error
    const images = await describeImages(aws, ref.region, {
      Owners: ['self'],
      Filters: [
        { Name: 'block-device-mapping.snapshot-id', Values: [ref.id] },
        { Name: 'tag-key', Values: [tokenTag] },
      ],
    })
    if (images.length === 0) throw error
    for (const { ImageId: id } of images)
      if (id !== undefined) await deregister(aws, { region: ref.region, id })
    await eraseSnapshot(aws, ref)
  }
}
