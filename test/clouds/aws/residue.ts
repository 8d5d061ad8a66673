import type { LoopbackCloud } from '#test/clouds/core/types.ts'
import { shownState } from '#test/clouds/aws/actions/snapshots.ts'
import { settle, type Tagged, type World } from '#test/clouds/aws/world.ts'

type Residue = ReturnType<LoopbackCloud['residue']>

/** Everything of the account that costs money or is left over, in all regions. Terminated instances are not. */
export function residueIn(world: World): Residue {
  return [...world.regions.values()].flatMap((region) => {
    settle(region)
    const ours = ({ ownerId }: { ownerId: string }) => ownerId === world.accountId
    return [
      ...[...region.instances.values()]
        .filter(({ life }) => life.state() !== 'terminated')
        .map((instance) => entry('instance', instance, instance.life.state())),
      ...[...region.images.values()].filter(ours).map((image) => entry('image', image, 'available')),
      ...[...region.snapshots.values()]
        .filter(ours)
        .map((snapshot) => entry('snapshot', snapshot, shownState(snapshot.life.state()))),
      ...[...region.volumes.values()].map((volume) =>
        entry('volume', volume, volume.attachedTo === undefined ? 'available' : 'in-use'),
      ),
    ]
  })
}

const entry = (kind: string, { id, tags }: Tagged, state: string): Residue[number] => ({
  kind,
  id,
  state,
  tags: Object.fromEntries(tags),
})
