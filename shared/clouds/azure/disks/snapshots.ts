import type { Snapshot } from '@azure/arm-compute'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { openBlob, revokeAccess, type Grantable } from '#shared/clouds/azure/disks/access.ts'
import { listChanges } from '#shared/clouds/azure/disks/changes.ts'
import {
  diskType,
  openForReading,
  ownPlace,
  sizeOfDisk,
  sizeTag,
  snapshotTarget,
  snapshotType,
  stays,
} from '#shared/clouds/azure/disks/targets.ts'
import { goneIsFine } from '#shared/clouds/azure/gone.ts'
import { withGroup } from '#shared/clouds/azure/group.ts'
import { creationState } from '#shared/clouds/azure/mapping.ts'
import { armId, canonicalId, nameFor } from '#shared/clouds/azure/names.ts'
import { shownName, nameTag } from '#shared/clouds/azure/tags.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudSnapshot, DisksFacet } from '#shared/clouds/port.ts'

/** Incremental snapshots: each holds only what differs from the one before, is billed for that, and can be compared with it. */
export function createSnapshots(
  client: AzureClient,
): Pick<
  DisksFacet,
  | 'createSnapshot'
  | 'snapshotState'
  | 'getSnapshot'
  | 'listSnapshots'
  | 'deleteSnapshot'
  | 'openSnapshot'
  | 'openChanges'
> {
  const { snapshots } = client.compute
  const find = ({ group, name }: Grantable): Promise<Snapshot | undefined> =>
    client.find('Snapshots_Get', () => snapshots.get(group, name))
  const read = ({ group, name }: Grantable): Promise<Snapshot> =>
    client.call('Snapshots_Get', () => snapshots.get(group, name))

  return {
    async createSnapshot({ token, tags, region, disk, name: wantedName }) {
      const target = { ...ownPlace(client, snapshotType), name: nameFor(token) }
      const { group, name } = target
      const made = await find({ ...target, kind: 'snapshot' })
      if (!stays(made)) {
        await withGroup(client, region, () =>
          client.submit('Snapshots_CreateOrUpdate', () =>
            snapshots.createOrUpdate(group, name, {
              location: region,
              tags: { ...tags, ...(wantedName === undefined ? {} : { [nameTag]: wantedName }) },
              incremental: true,
              creationData: { createOption: 'Copy', sourceResourceId: disk.id },
            }),
          ),
        )
      }
      return { region, id: armId(target) }
    },

    async snapshotState(ref) {
      const found = await find(snapshotTarget(client, ref))
      return found && creationState(found)
    },

    async getSnapshot(ref) {
      const found = await find(snapshotTarget(client, ref))
      return found && toSnapshot(found)
    },

    async *listSnapshots({ region }) {
      for await (const found of client.pages('Snapshots_List', () => snapshots.list())) {
        if (found.location === region) yield toSnapshot(found)
      }
    },

    async deleteSnapshot(ref) {
      const target = snapshotTarget(client, ref)
      const { group, name } = target
      const found = await find(target)
      if (!found) return
      if (found.diskState === 'ActiveSAS') await revokeAccess(client, target)
      await goneIsFine(client.finish('Snapshots_Delete', (pace) => snapshots.delete(group, name, pace)))
    },

    async openSnapshot(ref) {
      const target = snapshotTarget(client, ref)
      return openForReading(client, target, await read(target))
    },

    async openChanges(base, ref) {
      const [from, target] = [snapshotTarget(client, base), snapshotTarget(client, ref)]
      const [earlier, later] = await Promise.all([read(from), read(target)])
      refuseStrangers(earlier, later)
      const before = await openBlob(client, from, 'Read')
      try {
        return await openForReading(client, target, later, {
          listing: (blob, sizeBytes, signal) => listChanges(before, blob, sizeBytes, signal),
          alsoRelease: () => revokeAccess(client, from),
        })
      } catch (error) {
        await revokeAccess(client, from)
        throw error
      }
    },
  }
}

function toSnapshot(snapshot: Snapshot): CloudSnapshot {
  const { [sizeTag]: _, ...tags } = snapshot.tags ?? {}
  // A copy of a snapshot names that one.
  const source = snapshot.creationData?.sourceResourceId
  const disk = source?.toLowerCase().includes(`/${diskType.toLowerCase()}/`) ? source : undefined
  return {
    region: snapshot.location,
    id: canonicalId(snapshot.id ?? ''),
    name: shownName(snapshot),
    state: creationState(snapshot),
    sizeBytes: sizeOfDisk(snapshot),
    // Azure encrypts every disk and snapshot; the question is only with whose key.
    encrypted: true,
    tags,
    ...(disk === undefined ? {} : { disk: canonicalId(disk) }),
    ...(snapshot.timeCreated === undefined ? {} : { createdAt: snapshot.timeCreated }),
  }
}

/** Azure compares incremental snapshots of one disk only, an earlier one with a later one. */
function refuseStrangers(earlier: Snapshot, later: Snapshot): void {
  const [a, b] = [earlier.creationData, later.creationData]
  const oneDisk =
    a?.sourceUniqueId !== undefined && b?.sourceUniqueId !== undefined
      ? a.sourceUniqueId === b.sourceUniqueId
      : a?.sourceResourceId?.toLowerCase() === b?.sourceResourceId?.toLowerCase()
  const inOrder =
    earlier.timeCreated === undefined ||
    later.timeCreated === undefined ||
    earlier.timeCreated <= later.timeCreated
  const reason = !oneDisk
    ? 'are not of one disk'
    : !inOrder
      ? 'are in the wrong order'
      : !earlier.incremental || !later.incremental
        ? 'are not both incremental'
        : undefined
  if (reason === undefined) return
  throw new CloudError(`The snapshots ${earlier.name} and ${later.name} ${reason}.`, {
    cloud: 'azure',
    operation: 'PageBlob_GetPageRangesDiff',
    code: 'invalid_request',
    kind: 'permanent',
    remedy: 'Read the later snapshot whole, or name an earlier incremental snapshot of its disk.',
  })
}
