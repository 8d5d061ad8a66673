import { addInstance } from '#test/clouds/gcp/compute/instances/add.ts'
import { resolve } from '#test/clouds/gcp/compute/world.ts'
import type { World } from '#test/clouds/gcp/world.ts'

/** Adds running VMs of the default size, with names of their own, spread over the zones of the first region. They have no bytes and no machine. */
export function populate(world: World, count: number): void {
  const [region] = world.compute.regions.values()
  const zones = region?.zones ?? []
  for (let index = 0; index < count; index++) {
    const zone = zones[index % zones.length] ?? ''
    addInstance(world, zone, `populated-${String(index).padStart(4, '0')}-${world.compute.nextSeq()}`)
  }
}

/** Writes to a disk as the guest on it does. @param id as references give it, e.g. `zones/us-central1-a/disks/disk-1` */
export async function writeDisk(world: World, id: string, offset: number, data: Buffer): Promise<void> {
  await world.disks.write(resolve(world.compute, id, 'disks', 'id').path, offset, data)
}
