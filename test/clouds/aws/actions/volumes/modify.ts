import { changing, reading } from '#test/clouds/aws/action.ts'
import { volumeTypes } from '#test/clouds/aws/actions/images.ts'
import { checkShape } from '#test/clouds/aws/actions/volumes/limits.ts'
import { stateOf } from '#test/clouds/aws/actions/volumes/volumes.ts'
import { filtered, notBoth, paged } from '#test/clouds/aws/querying.ts'
import { Refusal, invalidValue } from '#test/clouds/aws/refusal.ts'
import { filters, list, need, nextToken, volumeId, whole } from '#test/clouds/aws/shapes.ts'
import { createLifecycle } from '#test/clouds/core/clock.ts'
import {
  find,
  type Modification,
  type ModificationState,
  type Volume,
  type World,
} from '#test/clouds/aws/world.ts'
import type { Xml } from '#test/clouds/aws/xml.ts'

const gibibyte = 2 ** 30
/** The EC2 model's documentation of ModifyVolume: four changes within a rolling day. */
const dayMs = 24 * 3_600_000
const changesPerDay = 4

export const modifyVolume = changing(
  { VolumeId: need(volumeId), Size: whole(1, 65_536), VolumeType: volumeTypes, Iops: whole(100, 256_000) },
  (input, { world, region }) => {
    const volume = find(region, region.volumes, input.VolumeId, 'InvalidVolume.NotFound')
    if (input.Size === undefined && input.VolumeType === undefined && input.Iops === undefined) {
      throw new Refusal(
        'InvalidParameterCombination',
        'At least one of the parameters VolumeType, Size, Iops must be specified.',
      )
    }
    if (stateOf(volume) === 'creating')
      throw new Refusal('IncorrectState', `Volume ${volume.id} is not in a state that allows modification`)
    const underWay = volume.modification?.life.state()
    if (underWay !== undefined && underWay !== 'completed') {
      throw new Refusal(
        'IncorrectModificationState',
        `Volume ${volume.id} currently in modification state '${underWay.toUpperCase()}' is not valid for this operation.`,
      )
    }
    const since = world.clock.now() - dayMs
    if (volume.modifiedAtMs.filter((atMs) => atMs > since).length >= changesPerDay) {
      throw new Refusal(
        'VolumeModificationRateExceeded',
        `You've reached the maximum modification rate per volume limit for ${volume.id}.`,
      )
    }
    const from = { sizeGib: volume.sizeGib, type: volume.type, iops: volume.iops }
    const to = {
      sizeGib: input.Size ?? from.sizeGib,
      type: input.VolumeType ?? from.type,
      iops: input.Iops ?? from.iops,
    }
    if (to.sizeGib < from.sizeGib) {
      throw invalidValue(`New size cannot be smaller than existing size`)
    }
    checkShape(to)
    volume.modifiedAtMs.push(world.clock.now())
    volume.modification = begin(world, volume, { from, to })
    return { volumeModification: describe(volume.id, volume.modification) }
  },
)

export const describeVolumesModifications = reading(
  { VolumeId: list(volumeId), Filter: filters, MaxResults: whole(1, 500), NextToken: nextToken },
  ({ VolumeId, Filter, MaxResults, NextToken }, { world, region }) => {
    notBoth(VolumeId, MaxResults, 'VolumeIds')
    const missing = VolumeId.find((id) => region.volumes.get(id)?.modification === undefined)
    if (missing !== undefined) {
      throw new Refusal(
        'InvalidVolumeModification.NotFound',
        `Modification for volume '${missing}' does not exist.`,
      )
    }
    const all = [...region.volumes.values()].flatMap(({ id, seq, tags, modification }) =>
      modification === undefined || (VolumeId.length > 0 && !VolumeId.includes(id))
        ? []
        : [{ id, seq, tags, modification }],
    )
    const found = filtered(all, Filter, {
      'volume-id': ({ id }) => [id],
      'modification-state': ({ modification }) => [modification.life.state()],
      'target-size': ({ modification }) => [String(modification.to.sizeGib)],
    })
    const query = ['modifications', VolumeId, Filter]
    const { page, nextToken: next } = paged(world, found, {
      query,
      maxResults: MaxResults,
      nextToken: NextToken,
    })
    return {
      volumeModificationSet: page.map(({ id, modification }) => describe(id, modification)),
      nextToken: next,
    }
  },
)

/** The new size can be used as soon as the change is being optimized. */
function begin(world: World, volume: Volume, change: Pick<Modification, 'from' | 'to'>): Modification {
  const afterMs = world.delays.modification
  const life = createLifecycle<ModificationState>({
    clock: world.clock,
    transitions: { modifying: { to: 'optimizing', afterMs }, optimizing: { to: 'completed', afterMs } },
  }).start('modifying', (state) => {
    if (state !== 'optimizing') return
    Object.assign(volume, change.to)
    if (change.to.sizeGib > change.from.sizeGib) {
      volume.filled = volume.filled.then(() => world.store.resize(volume.id, change.to.sizeGib * gibibyte))
      world.background(volume.filled)
    }
  })
  return { ...change, startedAt: new Date(world.clock.now()), life }
}

const describe = (id: string, { from, to, startedAt, life }: Modification): Xml => ({
  volumeId: id,
  modificationState: life.state(),
  originalSize: from.sizeGib,
  originalVolumeType: from.type,
  originalIops: from.iops,
  targetSize: to.sizeGib,
  targetVolumeType: to.type,
  targetIops: to.iops,
  progress: life.state() === 'completed' ? 100 : 0,
  startTime: startedAt,
})
