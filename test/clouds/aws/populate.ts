import { startInstance } from '#test/clouds/aws/actions/compute/start.ts'
import type { World } from '#test/clouds/aws/world.ts'

/** Adds running VMs of the default image to the first region, over its zones in turn: without calls, time or quota. Their disks hold nothing. */
export function populate(world: World, count: number): void {
  const [region] = world.regions.values()
  if (!region) return
  const image = [...region.images.values()].find((each) => each.public)
  const subnets = [...region.subnets.values()].filter(({ isDefault }) => isDefault)
  const group = [...region.groups.values()].find(({ name }) => name === 'default')
  if (!image || !group) return
  const first = region.instances.size
  for (let nr = 0; nr < count; nr++) {
    const subnet = subnets[nr % subnets.length]
    if (!subnet) return
    const name = `vm-${String(first + nr + 1).padStart(5, '0')}`
    const instance = startInstance(
      { world, region },
      {
        type: 't3.micro',
        image,
        subnet,
        runsIn: 'legacy-bios',
        groups: [group.id],
        disks: [
          {
            device: image.rootDevice,
            snapshotId: undefined,
            sizeGib: 1,
            type: 'gp3',
            iops: undefined,
            deleteOnTermination: true,
            encryption: { encrypted: false, kmsKeyId: undefined },
          },
        ],
        tags: () => new Map([['Name', name]]),
        reservationId: `r-0${String(first + nr).padStart(16, '0')}`,
        clientToken: '',
        keyName: undefined,
        protectedFromTermination: false,
        spot: false,
        tenancy: 'default',
        placementGroup: undefined,
        detailedMonitoring: false,
        canHibernate: false,
      },
    )
    instance.life.enter('running')
    // They are beside the quota: what is launched later has as much of it as before.
    world.vcpuQuota += 2
  }
}

/** Writes to a volume, as the guest that runs on it does. */
export async function writeDisk(
  world: World,
  id: string,
  { offset, data }: { offset: number; data: Buffer },
): Promise<void> {
  for (const region of world.regions.values()) await region.volumes.get(id)?.filled
  await world.store.write(id, offset, data)
}
