import { changing, chosen, done, reading, tagsFor, tagsOf } from '#test/clouds/aws/action.ts'
import { filtered, notBoth, paged } from '#test/clouds/aws/querying.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import {
  filters,
  list,
  need,
  nextToken,
  snapshotId,
  tagSpecifications,
  text,
  volumeId,
  whole,
} from '#test/clouds/aws/shapes.ts'
import { createLifecycle } from '#test/clouds/core/clock.ts'
import { find, newId, type Snapshot, type SnapshotState, type World } from '#test/clouds/aws/world.ts'
import type { Xml } from '#test/clouds/aws/xml.ts'

export const createSnapshot = changing(
  { VolumeId: need(volumeId), Description: text({ max: 255 }), TagSpecification: tagSpecifications },
  async (input, { world, region }) => {
    const volume = find(region, region.volumes, input.VolumeId, 'InvalidVolume.NotFound')
    const id = newId('snap')
    const snapshot: Snapshot = {
      id,
      diskId: id,
      seq: world.nextSeq(),
      tags: tagsFor('snapshot', input.TagSpecification),
      ownerId: world.accountId,
      volumeId: volume.id,
      sizeGib: volume.sizeGib,
      description: input.Description ?? '',
      startedAt: new Date(world.clock.now()),
      encrypted: volume.encrypted,
      kmsKeyId: volume.kmsKeyId,
      lineage: volume.id,
      life: snapshotLife(world, 'copying'),
      written: undefined,
      allocated: undefined,
    }
    region.snapshots.set(id, snapshot)
    region.visible.add(id)
    // The bytes as they are now: copied before the call is answered, whatever the guest writes afterwards.
    await volume.filled
    await world.store.clone(id, volume.id)
    snapshot.life.enter('sealing')
    return describe(snapshot) as { [element: string]: Xml }
  },
)

export const describeSnapshots = reading(
  {
    SnapshotId: list(snapshotId),
    Owner: list(text()),
    RestorableBy: list(text()),
    Filter: filters,
    MaxResults: whole(5, 1000),
    NextToken: nextToken,
  },
  ({ SnapshotId, Owner, RestorableBy, Filter, MaxResults, NextToken }, { world, region }) => {
    notBoth(SnapshotId, MaxResults, 'SnapshotIds')
    const owned = (snapshot: Snapshot) =>
      Owner.length === 0 ||
      Owner.some(
        (owner) => owner === snapshot.ownerId || (owner === 'self' && snapshot.ownerId === world.accountId),
      )
    const restorable = ({ id, ownerId }: Snapshot) =>
      RestorableBy.length === 0 ||
      (RestorableBy.includes('self') && ownerId === world.accountId) ||
      (RestorableBy.includes('all') && world.services.publicSnapshots.has(id))
    const known = chosen(region, region.snapshots, SnapshotId, 'InvalidSnapshot.NotFound')
      .filter(owned)
      .filter(restorable)
    const found = filtered(known, Filter, {
      'snapshot-id': ({ id }) => [id],
      'volume-id': ({ volumeId: volume }) => [volume],
      'volume-size': ({ sizeGib }) => [String(sizeGib)],
      'owner-id': ({ ownerId }) => [ownerId],
      description: ({ description }) => [description],
      status: ({ life }) => [shownState(life.state())],
      'start-time': ({ startedAt }) => [startedAt.toISOString()],
      encrypted: ({ encrypted }) => [String(encrypted)],
    })
    const query = ['snapshots', SnapshotId, Owner, RestorableBy, Filter]
    const { page, nextToken: next } = paged(world, found, {
      query,
      maxResults: MaxResults,
      nextToken: NextToken,
    })
    return { snapshotSet: page.map(describe), nextToken: next }
  },
)

export const deleteSnapshot = changing({ SnapshotId: need(snapshotId) }, (input, { world, region }) => {
  const snapshot = find(region, region.snapshots, input.SnapshotId, 'InvalidSnapshot.NotFound')
  if (snapshot.ownerId !== world.accountId)
    throw new Refusal('AuthFailure', `Not authorized for snapshot:${snapshot.id}`)
  for (const image of region.images.values()) {
    if (!image.mappings.some((mapping) => mapping.snapshotId === snapshot.id)) continue
    throw new Refusal(
      'InvalidSnapshot.InUse',
      `The snapshot ${snapshot.id} is currently in use by ${image.id}`,
    )
  }
  region.snapshots.delete(snapshot.id)
  world.background(world.store.remove(snapshot.diskId))
  return done
})

/** Imported ones give up when no block came for `timeoutMinutes`. */
export const snapshotLife = (world: World, initial: SnapshotState, timeoutMinutes?: number) =>
  createLifecycle<SnapshotState>({
    clock: world.clock,
    transitions: {
      sealing: { to: 'completed', afterMs: world.delays.snapshot },
      ...(timeoutMinutes === undefined ? {} : { open: { to: 'error', afterMs: timeoutMinutes * 60_000 } }),
    },
  }).start(initial)

export const shownState = (state: SnapshotState): 'pending' | 'completed' | 'error' =>
  state === 'completed' || state === 'error' ? state : 'pending'

const describe = (snapshot: Snapshot): Xml => {
  const status = shownState(snapshot.life.state())
  return {
    snapshotId: snapshot.id,
    volumeId: snapshot.volumeId,
    volumeSize: snapshot.sizeGib,
    status,
    progress: status === 'completed' ? '100%' : '0%',
    startTime: snapshot.startedAt,
    ownerId: snapshot.ownerId,
    description: snapshot.description,
    encrypted: snapshot.encrypted,
    kmsKeyId: snapshot.kmsKeyId,
    storageTier: 'standard',
    tagSet: tagsOf(snapshot.tags),
  }
}
