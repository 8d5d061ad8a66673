import { randomBytes } from 'node:crypto'
import { addImage } from '#test/clouds/aws/actions/images.ts'
import { snapshotLife } from '#test/clouds/aws/actions/snapshots.ts'
import { newId, type Region, type Snapshot, type World } from '#test/clouds/aws/world.ts'

const gibibyte = 2 ** 30
/** Key of the disk that all public images share. */
const baseDisk = 'base-image'
/** Canonical's account. */
const canonical = '099720109477'

/** What every account finds: public images, a default security group, and two key pairs. */
export async function seedWorld(world: World, imagePath: string | undefined): Promise<void> {
  const sizeGib = await makeBaseDisk(world, imagePath)
  for (const region of world.regions.values()) {
    addUbuntu(world, region, sizeGib, new Date('2026-03-12T04:05:06.000Z'), '20260312')
    addUbuntu(world, region, sizeGib, new Date('2026-09-30T04:05:06.000Z'), '20260930')
    const id = newId('sg')
    region.groups.set(id, {
      id,
      seq: world.nextSeq(),
      tags: new Map(),
      name: 'default',
      description: 'default VPC security group',
    })
    region.keyPairs.add('default').add('my-key')
  }
}

/** A disk of whole GiB, as all of EBS. */
async function makeBaseDisk({ store }: World, imagePath: string | undefined): Promise<number> {
  if (imagePath === undefined) {
    await store.create(baseDisk, gibibyte)
    for (const offset of [0, 5 * 2 ** 20, gibibyte - 4096])
      await store.write(baseDisk, offset, randomBytes(4096))
    return 1
  }
  const { sizeBytes } = await store.import(baseDisk, imagePath)
  const sizeGib = Math.max(1, Math.ceil(sizeBytes / gibibyte))
  await store.resize(baseDisk, sizeGib * gibibyte)
  return sizeGib
}

function addUbuntu(world: World, region: Region, sizeGib: number, createdAt: Date, serial: string): void {
  const life = snapshotLife(world, 'completed')
  const id = newId('snap')
  const snapshot: Snapshot = {
    id,
    diskId: baseDisk,
    seq: world.nextSeq(),
    tags: new Map(),
    ownerId: canonical,
    volumeId: 'vol-ffffffff',
    sizeGib,
    description: '',
    startedAt: createdAt,
    life,
    written: undefined,
    allocated: undefined,
  }
  region.snapshots.set(id, snapshot)
  addImage(world, region.images, {
    name: `ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-${serial}`,
    description: 'Canonical, Ubuntu, 24.04, amd64 noble image',
    ownerId: canonical,
    public: true,
    architecture: 'x86_64',
    // Canonical's say uefi-preferred; this one's disk boots by BIOS alone.
    bootMode: 'legacy-bios',
    enaSupport: true,
    rootDevice: '/dev/sda1',
    mappings: [{ device: '/dev/sda1', snapshotId: id, sizeGib, type: 'gp3', deleteOnTermination: true }],
    createdAt,
    tags: new Map(),
  })
}
