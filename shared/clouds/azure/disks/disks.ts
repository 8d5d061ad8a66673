import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Disk, Snapshot } from '@azure/arm-compute'
import { openBlob, revokeAccess, revokeUnfinished, type Grantable } from '#shared/clouds/azure/disks/access.ts'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { withGroup } from '#shared/clouds/azure/group.ts'
import { creationState, generationOf } from '#shared/clouds/azure/mapping.ts'
import { armId, canonicalId, nameFor, parseArmId } from '#shared/clouds/azure/names.ts'
import { createSealedSink, createSink, writePages } from '#shared/clouds/azure/disks/sink.ts'
import { createSource } from '#shared/clouds/azure/disks/source.ts'
import { vhdFooter, vhdFooterBytes } from '#shared/clouds/azure/disks/vhd.ts'
import { CloudError, isNotFound } from '#shared/clouds/errors.ts'
import type { CloudRef, DisksFacet } from '#shared/clouds/port.ts'

/** Azure uploads whole MiB, and no less than 20. */
const uploadUnitBytes = 1024 * 1024
const leastUploadBytes = 20 * uploadUnitBytes

/** Keeps the size that was asked for where Azure's disk had to be larger. */
const sizeTag = 'novacron-size-bytes'

/** How long a new disk may take to be there, and a revoked upload to become a disk that can be attached. */
const settleMs = 10 * 60_000

/**
 * Snapshots and disks of Azure. A disk whose size is not a whole number of MiB (or is below 20 MiB) is made as the next
 * larger one that Azure takes: sink and source keep to the size that was asked for, the VM sees zeros behind it.
 */
export function createDisks(client: AzureClient): DisksFacet {
  const { disks, snapshots } = client.compute
  const disk = (ref: CloudRef): Grantable => ({
    ...parseArmId(ref.id, nowhere(client, diskType)),
    kind: 'disk',
  })
  const snapshot = (ref: CloudRef): Grantable => ({
    ...parseArmId(ref.id, nowhere(client, snapshotType)),
    kind: 'snapshot',
  })
  const readDisk = ({ group, name }: Grantable): Promise<Disk> =>
    client.call('Disks_Get', () => disks.get(group, name))
  const findDisk = ({ group, name }: Grantable): Promise<Disk | undefined> =>
    client.find('Disks_Get', () => disks.get(group, name))

  return {
    async createSnapshot({ token, tags, vm, disk: of }) {
      const target = { ...nowhere(client, snapshotType), name: nameFor(token) }
      const { group, name } = target
      const made = await client.find('Snapshots_Get', () => snapshots.get(group, name))
      if (!stays(made)) {
        await withGroup(client, vm.region, () =>
          client.submit('Snapshots_CreateOrUpdate', () =>
            snapshots.createOrUpdate(group, name, {
              location: vm.region,
              tags,
              incremental: true,
              creationData: { createOption: 'Copy', sourceResourceId: of.id },
            }),
          ),
        )
      }
      return { region: vm.region, id: armId(target) }
    },

    async snapshotState(ref) {
      const { group, name } = snapshot(ref)
      const found = await client.find('Snapshots_Get', () => snapshots.get(group, name))
      return found && creationState(found)
    },

    async deleteSnapshot(ref) {
      const target = snapshot(ref)
      const { group, name } = target
      const found = await client.find('Snapshots_Get', () => snapshots.get(group, name))
      if (!found) return
      if (found.diskState === 'ActiveSAS') await revokeAccess(client, target)
      await goneIsFine(client.finish('Snapshots_Delete', (pace) => snapshots.delete(group, name, pace)))
    },

    async openSnapshot(ref) {
      const target = snapshot(ref)
      const { group, name } = target
      const found = await client.call('Snapshots_Get', () => snapshots.get(group, name))
      return openForReading(client, target, found)
    },

    async createDisk({ token, tags, region, zone, name: wantedName, sizeBytes, firmware, architecture }) {
      const target = { ...nowhere(client, diskType), name: nameFor(token) }
      const { group, name } = target
      const made = await client.find('Disks_Get', () => disks.get(group, name))
      if (!stays(made)) {
        const bytes = uploadable(sizeBytes)
        await withGroup(client, region, () =>
          client.submit('Disks_CreateOrUpdate', () =>
            disks.createOrUpdate(group, name, {
              location: region,
              ...(zone === undefined ? {} : { zones: [zoneNumber(zone)] }),
              tags: {
                ...tags,
                'novacron-name': wantedName,
                ...(bytes === sizeBytes ? {} : { [sizeTag]: String(sizeBytes) }),
              },
              sku: { name: 'StandardSSD_LRS' },
              osType: 'Linux',
              hyperVGeneration: generationOf(firmware),
              supportedCapabilities: { architecture: architecture === 'arm64' ? 'Arm64' : 'x64' },
              creationData: { createOption: 'Upload', uploadSizeBytes: bytes + vhdFooterBytes },
            }),
          ),
        )
      }
      return { region, id: armId(target) }
    },

    async openDiskForWrite(ref) {
      const target = disk(ref)
      const found = await whenMade(client, () => readDisk(target))
      const sizeBytes = sizeOfDisk(found)
      // A copy that died after sealing opens the disk again; it has nothing left to write.
      if (!isUploading(found)) return createSealedSink(sizeBytes, () => notUploading(found))
      return createSink({ blob: await openBlob(client, target, 'Write'), sizeBytes })
    },

    async sealDisk(ref, manifest) {
      const target = disk(ref)
      let found = await whenMade(client, () => readDisk(target))
      if (manifest.sizeBytes !== sizeOfDisk(found)) throw otherSize(found, manifest.sizeBytes)
      if (found.diskState === 'ActiveUpload') {
        // The copy's own access has to go first; where an earlier call got as far as the footer, that seals the disk already.
        await revokeUnfinished(client, target)
        found = await readDisk(target)
      }
      if (isUploading(found)) {
        const bytes = blobSize(found)
        const uniqueId = createHash('md5')
          .update(canonicalId(armId(target)))
          .digest()
        const blob = await openBlob(client, target, 'Write')
        await writePages(blob, bytes, vhdFooter({ sizeBytes: bytes, uniqueId }))
        await revokeAccess(client, target)
      }
      await whenUsable(client, () => readDisk(target))
    },

    async openDisk(ref) {
      const target = disk(ref)
      return openForReading(client, target, await readDisk(target))
    },

    async deleteDisk(ref) {
      const target = disk(ref)
      const { group, name } = target
      const found = await findDisk(target)
      if (!found) return
      if (found.diskState === 'ActiveUpload') await revokeUnfinished(client, target)
      if (found.diskState === 'ActiveSAS') await revokeAccess(client, target)
      await goneIsFine(client.finish('Disks_Delete', (pace) => disks.delete(group, name, pace)))
    },
  }
}

/** Takes back an access signature that a reader left on a disk: Azure attaches none that has one out. */
export async function releaseDisk(client: AzureClient, id: string): Promise<Disk> {
  const target: Grantable = { ...parseArmId(id, nowhere(client, diskType)), kind: 'disk' }
  const { group, name } = target
  const found = await client.call('Disks_Get', () => client.compute.disks.get(group, name))
  if (found.diskState === 'ActiveSAS') await revokeAccess(client, target)
  return found
}

/** Azure numbers the zones of a region; `eastus-2` is understood too. */
export const zoneNumber = (zone: string): string => /(\d+)$/.exec(zone)?.[1] ?? zone

export const diskType = 'Microsoft.Compute/disks'
export const snapshotType = 'Microsoft.Compute/snapshots'

const nowhere = ({ settings }: AzureClient, type: string) => ({
  subscription: settings.subscriptionId,
  group: settings.resourceGroup,
  type,
  name: '',
})

async function openForReading(client: AzureClient, target: Grantable, found: Disk | Snapshot) {
  return createSource({
    blob: await openBlob(client, target, 'Read'),
    sizeBytes: sizeOfDisk(found),
    requestTimeoutMs: client.settings.requestTimeoutMs,
    release: () => revokeAccess(client, target),
  })
}

const uploadable = (sizeBytes: number): number =>
  Math.max(leastUploadBytes, Math.ceil(sizeBytes / uploadUnitBytes) * uploadUnitBytes)

const blobSize = (disk: Disk | Snapshot): number =>
  disk.diskSizeBytes ?? (disk.creationData?.uploadSizeBytes ?? 0) - vhdFooterBytes

const sizeOfDisk = (disk: Disk | Snapshot): number => Number(disk.tags?.[sizeTag] ?? blobSize(disk))

const isUploading = (disk: Disk): boolean =>
  disk.diskState === 'ReadyToUpload' || disk.diskState === 'ActiveUpload'

/** Is it there to stay? What is being deleted is asked for again, which Azure refuses (`conflict`) until it is gone. */
const stays = (found: Disk | Snapshot | undefined): boolean =>
  found !== undefined && found.provisioningState !== 'Deleting'

/** A disk just asked for is not there to be written at once. */
const whenMade = (client: AzureClient, read: () => Promise<Disk>): Promise<Disk> =>
  pollDisk(client, read, (disk) => disk.provisioningState !== 'Creating')

const whenUsable = (client: AzureClient, read: () => Promise<Disk>): Promise<Disk> =>
  pollDisk(client, read, (disk) => !isUploading(disk) && disk.diskState !== 'ActiveSAS')

async function pollDisk(
  client: AzureClient,
  read: () => Promise<Disk>,
  done: (disk: Disk) => boolean,
): Promise<Disk> {
  const endMs = Date.now() + settleMs
  for (;;) {
    const disk = await read()
    if (done(disk)) return disk
    if (Date.now() > endMs) throw stuck(disk)
    await client.call('Disks_Get', () => delay(client.settings.pollMs))
  }
}

async function goneIsFine(work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

const stuck = (disk: Disk): CloudError =>
  new CloudError(`The disk ${disk.name} stays in state ${disk.diskState} (${disk.provisioningState}).`, {
    cloud: 'azure',
    operation: 'Disks_Get',
    code: 'timeout',
    kind: 'retryable',
  })

const notUploading = (disk: Disk): CloudError =>
  new CloudError(`The disk ${disk.name} is in state ${disk.diskState}: its upload is over.`, {
    cloud: 'azure',
    operation: 'Disks_GrantAccess',
    code: 'conflict',
    kind: 'permanent',
    remedy: 'Make a new disk and copy again.',
  })

const otherSize = (disk: Disk, sizeBytes: number): CloudError =>
  new CloudError(`The copy is of ${sizeBytes} bytes, the disk ${disk.name} of ${sizeOfDisk(disk)}.`, {
    cloud: 'azure',
    operation: 'seal disk',
    code: 'integrity',
    kind: 'permanent',
  })
