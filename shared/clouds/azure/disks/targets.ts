import type { Disk, Snapshot } from '@azure/arm-compute'
import { openBlob, revokeAccess, type Grantable } from '#shared/clouds/azure/disks/access.ts'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { createSource, type Listing } from '#shared/clouds/azure/disks/source.ts'
import { vhdFooterBytes } from '#shared/clouds/azure/disks/vhd.ts'
import { parseArmId, type ArmId } from '#shared/clouds/azure/names.ts'
import type { CloudRef } from '#shared/clouds/port.ts'
import type { DiskSource } from '#shared/disks/port.ts'

export const diskType = 'Microsoft.Compute/disks'
export const snapshotType = 'Microsoft.Compute/snapshots'

/** Keeps the size that was asked for where Azure's disk had to be larger. */
export const sizeTag = 'novacron-size-bytes'

export const diskTarget = (client: AzureClient, ref: Pick<CloudRef, 'id'>): Grantable => ({
  ...parseArmId(ref.id, ownPlace(client, diskType)),
  kind: 'disk',
})

export const snapshotTarget = (client: AzureClient, ref: Pick<CloudRef, 'id'>): Grantable => ({
  ...parseArmId(ref.id, ownPlace(client, snapshotType)),
  kind: 'snapshot',
})

/** In the provider's own resource group, where new things are made. */
export const ownPlace = ({ settings }: AzureClient, type: string): ArmId => ({
  subscription: settings.subscriptionId,
  group: settings.resourceGroup,
  type,
  name: '',
})

/** The bytes of a disk without the footer that Azure's file of it has. */
export const blobSize = (disk: Disk | Snapshot): number =>
  disk.diskSizeBytes ?? (disk.creationData?.uploadSizeBytes ?? 0) - vhdFooterBytes

/** The size that was asked for: Azure's own may be up to a MiB larger. */
export const sizeOfDisk = (disk: Disk | Snapshot): number => Number(disk.tags?.[sizeTag] ?? blobSize(disk))

/** Is it there to stay? What is being deleted is asked for again, which Azure refuses (`conflict`) until it is gone. */
export const stays = (found: Disk | Snapshot | undefined): boolean =>
  found !== undefined && found.provisioningState !== 'Deleting'

/** Azure numbers the zones of a region; `eastus-2` is understood too. */
export const zoneNumber = (zone: string): string => /(\d+)$/.exec(zone)?.[1] ?? zone

/** Takes an access signature and reads behind it. `listing` replaces the list of what is allocated; `alsoRelease` ends what it needed. */
export async function openForReading(
  client: AzureClient,
  target: Grantable,
  found: Disk | Snapshot,
  { listing, alsoRelease }: { listing?: Listing; alsoRelease?: () => Promise<void> } = {},
): Promise<DiskSource> {
  return createSource({
    blob: await openBlob(client, target, 'Read'),
    sizeBytes: sizeOfDisk(found),
    requestTimeoutMs: client.settings.requestTimeoutMs,
    ...(listing === undefined ? {} : { listing }),
    async release() {
      await revokeAccess(client, target)
      await alsoRelease?.()
    },
  })
}
