import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Disk } from '@azure/arm-compute'
import {
  openBlob,
  revokeAccess,
  revokeUnfinished,
  type Grantable,
} from '#shared/clouds/azure/disks/access.ts'
import { azureCapabilities } from '#shared/clouds/azure/capabilities.ts'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { goneIsFine } from '#shared/clouds/azure/gone.ts'
import { withGroup } from '#shared/clouds/azure/group.ts'
import { generationOf } from '#shared/clouds/azure/mapping.ts'
import { armId, canonicalId, nameFor } from '#shared/clouds/azure/names.ts'
import { createSealedSink, createSink, writePages } from '#shared/clouds/azure/disks/sink.ts'
import { createSnapshots } from '#shared/clouds/azure/disks/snapshots.ts'
import {
  blobSize,
  diskTarget,
  diskType,
  openForReading,
  ownPlace,
  sizeOfDisk,
  sizeTag,
  stays,
  zoneNumber,
} from '#shared/clouds/azure/disks/targets.ts'
import { encryptionOf } from '#shared/clouds/azure/encryption.ts'
import { vhdFooter, vhdFooterBytes } from '#shared/clouds/azure/disks/vhd.ts'
import { nameTag } from '#shared/clouds/azure/tags.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import { assertCapable } from '#shared/clouds/operations.ts'
import type { DisksFacet } from '#shared/clouds/port.ts'

/** Azure uploads whole MiB, and no less than 20. */
const uploadUnitBytes = 1024 * 1024
const leastUploadBytes = 20 * uploadUnitBytes

/** How long a new disk may take to be there, and a revoked upload to become a disk that can be attached. */
const settleMs = 10 * 60_000

/**
 * Snapshots and disks of Azure. A disk whose size is not a whole number of MiB (or is below 20 MiB) is made as the next
 * larger one that Azure takes: sink and source keep to the size that was asked for, the VM sees zeros behind it.
 */
export function createDisks(client: AzureClient): DisksFacet {
  const { disks } = client.compute
  const readDisk = ({ group, name }: Grantable): Promise<Disk> =>
    client.call('Disks_Get', () => disks.get(group, name))
  const findDisk = ({ group, name }: Grantable): Promise<Disk | undefined> =>
    client.find('Disks_Get', () => disks.get(group, name))

  return {
    ...createSnapshots(client),

    async createDisk(request) {
      const { token, tags, region, zone, name: wantedName, sizeBytes, firmware, architecture } = request
      if (request.parent) assertCapable('azure', azureCapabilities, 'disks.write_delta')
      const encryption = encryptionOf(client, request.encryption)
      const target = { ...ownPlace(client, diskType), name: nameFor(token) }
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
                [nameTag]: wantedName,
                ...(bytes === sizeBytes ? {} : { [sizeTag]: String(sizeBytes) }),
              },
              sku: { name: 'StandardSSD_LRS' },
              osType: 'Linux',
              hyperVGeneration: generationOf(firmware),
              supportedCapabilities: { architecture: architecture === 'arm64' ? 'Arm64' : 'x64' },
              creationData: { createOption: 'Upload', uploadSizeBytes: bytes + vhdFooterBytes },
              ...encryption,
            }),
          ),
        )
      }
      return { region, id: armId(target) }
    },

    async openDiskForWrite(ref) {
      const target = diskTarget(client, ref)
      const found = await whenMade(client, () => readDisk(target))
      const sizeBytes = sizeOfDisk(found)
      // A copy that died after sealing opens the disk again; it has nothing left to write.
      if (!isUploading(found)) return createSealedSink(sizeBytes, () => notUploading(found))
      return createSink({ blob: await openBlob(client, target, 'Write'), sizeBytes })
    },

    async sealDisk(ref, manifest) {
      const target = diskTarget(client, ref)
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
      const target = diskTarget(client, ref)
      return openForReading(client, target, await readDisk(target))
    },

    async deleteDisk(ref) {
      const target = diskTarget(client, ref)
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
  const target = diskTarget(client, { id })
  const { group, name } = target
  const found = await client.call('Disks_Get', () => client.compute.disks.get(group, name))
  if (found.diskState === 'ActiveSAS') await revokeAccess(client, target)
  return found
}

const uploadable = (sizeBytes: number): number =>
  Math.max(leastUploadBytes, Math.ceil(sizeBytes / uploadUnitBytes) * uploadUnitBytes)

const isUploading = (disk: Disk): boolean =>
  disk.diskState === 'ReadyToUpload' || disk.diskState === 'ActiveUpload'

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
