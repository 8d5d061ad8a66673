import type { LoopbackCloud } from '#test/clouds/core/types.ts'
import { defaultVpc } from '#test/clouds/aws/actions/networks/places.ts'
import { shownState } from '#test/clouds/aws/actions/snapshots.ts'
import { settle, type Region, type Tagged, type World } from '#test/clouds/aws/world.ts'

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
      ...[...region.images.values()]
        .filter(ours)
        .map((image) => entry('image', image, image.life?.state() ?? 'available')),
      ...[...region.snapshots.values()]
        .filter(ours)
        .map((snapshot) => entry('snapshot', snapshot, shownState(snapshot.life.state()))),
      ...[...region.volumes.values()].map((volume) =>
        entry('volume', volume, volume.attachedTo === undefined ? 'available' : 'in-use'),
      ),
      ...[...region.addresses.values()].map((address) =>
        entry('address', address, address.associationId === undefined ? 'free' : 'associated'),
      ),
      ...[...region.interfaces.values()]
        .filter(({ instanceId }) => instanceId === undefined)
        .map((each) => entry('interface', each, 'available')),
      ...networksOf(region),
      ...[...world.services.buckets.values()]
        .filter((bucket) => bucket.region === region.name)
        .map(({ name, tags }) => entry('bucket', { id: name, tags }, 'available')),
      ...underWayIn(world, region),
    ]
  })
}

/** Of what the services do in the background: imports and exports that go on, and uploads that nobody ended. */
function underWayIn({ services }: World, region: Region): Residue {
  const { imports, exports, buckets } = services
  return [
    ...[...imports.values(), ...exports.values()]
      .filter((task) => task.region === region.name && task.life.state() === 'active')
      .map((task) => entry('task', task, 'active')),
    ...[...buckets.values()]
      .filter((bucket) => bucket.region === region.name)
      .flatMap(({ name, uploads }) => [...uploads.values()].map(({ id, key }) => `${name}/${key} ${id}`))
      .map((id) => entry('upload', { id, tags: new Map() }, 'open')),
  ]
}

/** Without the network that every account finds. */
function networksOf(region: Region): Residue {
  const standard = defaultVpc(region)?.id
  const made = ({ vpcId }: { vpcId: string | undefined }) => vpcId === undefined || vpcId !== standard
  return [
    ...[...region.groups.values()]
      .filter(({ name }) => name !== 'default')
      .map((group) => entry('security-group', group, 'available')),
    ...[...region.subnets.values()]
      .filter(made)
      .map((subnet) => entry('subnet', subnet, subnet.life.state())),
    ...[...region.gateways.values()]
      .filter(made)
      .map((gateway) => entry('gateway', gateway, gateway.vpcId === undefined ? 'detached' : 'attached')),
    ...[...region.vpcs.values()]
      .filter(({ isDefault }) => !isDefault)
      .map((vpc) => entry('network', vpc, vpc.life.state())),
  ]
}

const entry = (kind: string, { id, tags }: Pick<Tagged, 'id' | 'tags'>, state: string): Residue[number] => ({
  kind,
  id,
  state,
  tags: Object.fromEntries(tags),
})
