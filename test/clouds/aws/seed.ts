import { randomBytes } from 'node:crypto'
import { addImage } from '#test/clouds/aws/actions/images.ts'
import { addSubnet, addVpc } from '#test/clouds/aws/actions/networks/places.ts'
import { snapshotLife } from '#test/clouds/aws/actions/snapshots.ts'
import { newId, type Region, type Snapshot, type World } from '#test/clouds/aws/world.ts'

const gibibyte = 2 ** 30
/** Key of the disk that all public images share. */
const baseDisk = 'base-image'
/** Canonical's account. */
const canonical = '099720109477'

/** What every account finds: public images, a default network, a placement group, and two key pairs. */
export async function seedWorld(world: World, imagePath: string | undefined): Promise<void> {
  const sizeGib = await makeBaseDisk(world, imagePath)
  for (const region of world.regions.values()) {
    addUbuntu(world, region, sizeGib, new Date('2026-03-12T04:05:06.000Z'), '20260312')
    addUbuntu(world, region, sizeGib, new Date('2026-09-30T04:05:06.000Z'), '20260930')
    addDefaultNetwork(world, region)
    region.placementGroups.add('my-cluster')
    region.keyPairs.add('default').add('my-key')
  }
}

/** One /20 for each zone, with the way to the internet: VPC User Guide, "Default VPCs". */
function addDefaultNetwork(world: World, region: Region): void {
  const vpc = addVpc(world, region, { cidr: '172.31.0.0/16', isDefault: true, tags: new Map() })
  for (const [index, zone] of region.zones.entries()) {
    const cidr = `172.31.${16 * index}.0/20`
    addSubnet(world, region, { vpcId: vpc.id, cidr, zone, isDefault: true, tags: new Map() })
  }
  const id = newId('igw')
  region.gateways.set(id, { id, seq: world.nextSeq(), tags: new Map(), vpcId: vpc.id })
  for (const table of region.routeTables.values()) table.routes.set('0.0.0.0/0', id)
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
    encrypted: false,
    kmsKeyId: undefined,
    lineage: id,
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
