import { changing } from '#test/clouds/gcp/compute/operations.ts'
import type { ComputeAsk, Handlers } from '#test/clouds/gcp/compute/handler.ts'
import {
  aggregated,
  checkLabels,
  found,
  inUse,
  listPage,
  notReady,
  okay,
  placeFor,
  remove,
  setLabels,
  viewOf,
} from '#test/clouds/gcp/compute/things.ts'
import { addThing, listOf, resolve, type Body, type Thing } from '#test/clouds/gcp/compute/world.ts'
import { Refusal } from '#test/clouds/gcp/refusal.ts'
import type { World } from '#test/clouds/gcp/world.ts'

const gibibyte = 2 ** 30

/** Zonal persistent disks. */
export const diskHandlers: Handlers = {
  'compute.disks.insert': (ask) =>
    changing(ask, 'insert', async () => {
      const at = placeFor(ask, 'disks')
      return { target: await makeDisk(ask.world, at.place, at.name, ask.body) }
    }),
  'compute.disks.get': (ask) => okay(diskView(ask.world, found(ask, 'disks', 'disk'))),
  'compute.disks.list': (ask) => listPage(ask, 'disks', (disk) => diskView(ask.world, disk)),
  'compute.disks.aggregatedList': (ask) => aggregated(ask, 'disks', (disk) => diskView(ask.world, disk)),
  'compute.disks.setLabels': setLabels('disks', 'resource'),
  'compute.disks.resize': (ask) =>
    changing(ask, 'resizeDisk', async () => {
      const disk = found(ask, 'disks', 'disk')
      const sizeGb = Number(ask.body['sizeGb'])
      if (!(sizeGb > Number(disk.body['sizeGb'])))
        throw new Refusal(
          400,
          'invalid',
          `Invalid value for field 'sizeGb': '${sizeGb}'. New disk size '${sizeGb}' GB must be larger than existing size '${String(disk.body['sizeGb'])}' GB.`,
        )
      await ask.world.disks.resize(disk.path, sizeGb * gibibyte)
      disk.body['sizeGb'] = String(sizeGb)
      return { target: disk }
    }),
  'compute.disks.createSnapshot': (ask) =>
    changing(ask, 'createSnapshot', () => takeSnapshot(ask, found(ask, 'disks', 'disk'))),
  'compute.disks.delete': (ask) =>
    changing(ask, 'delete', () => {
      const disk = found(ask, 'disks', 'disk')
      const [user] = usersOf(ask.world, disk)
      if (user) throw inUse(disk.path, user.path)
      remove(ask.world, disk)
      return { target: disk }
    }),
}

/** Snapshots, which are global. */
export const snapshotHandlers: Handlers = {
  'compute.snapshots.insert': (ask) =>
    changing(ask, 'createSnapshot', () =>
      takeSnapshot(ask, resolve(ask.world.compute, ask.body['sourceDisk'], 'disks', 'resource.sourceDisk')),
    ),
  'compute.snapshots.get': (ask) => okay(snapshotView(ask.world, found(ask, 'snapshots', 'snapshot'))),
  'compute.snapshots.list': (ask) =>
    listPage(ask, 'snapshots', (snapshot) => snapshotView(ask.world, snapshot)),
  'compute.snapshots.setLabels': setLabels('snapshots', 'resource'),
  'compute.snapshots.delete': (ask) =>
    changing(ask, 'delete', () => {
      const snapshot = found(ask, 'snapshots', 'snapshot')
      if (snapshot.life.state() !== 'READY') throw notReady(snapshot.path)
      remove(ask.world, snapshot)
      return { target: snapshot }
    }),
}

/**
 * A disk with its bytes: empty, or a copy of an image or a snapshot, at least as large as that.
 * @param params the body of `disks.insert`, or `initializeParams` of an instance's disk with the same names.
 */
export async function makeDisk(world: World, zone: string, name: string, params: Body): Promise<Thing> {
  checkLabels(params['labels'])
  const type = typeNamed(params['type'])
  const source = sourceOf(world, params)
  const least = source === undefined ? 1 : Number(source.body['diskSizeGb'])
  const sizeGb =
    params['sizeGb'] === undefined ? (source === undefined ? 500 : least) : Number(params['sizeGb'])
  if (!(sizeGb >= least))
    throw new Refusal(
      400,
      'invalid',
      `Invalid value for field 'resource.sizeGb': '${sizeGb}'. Requested disk size cannot be smaller than the ${source?.collection === 'images' ? 'image' : 'snapshot'} size (${least} GB)`,
    )
  const disk = addThing(world.compute, world.clock, { collection: 'disks', place: zone, name }, 'READY', {
    ...pick(params, [
      'description',
      'labels',
      'diskEncryptionKey',
      'architecture',
      'guestOsFeatures',
      'licenses',
    ]),
    ...(source === undefined ? {} : pick(source.body, ['architecture', 'guestOsFeatures'])),
    sizeGb: String(sizeGb),
    type: `projects/${world.project}/zones/${zone}/diskTypes/${type}`,
    physicalBlockSizeBytes: '4096',
    ...(source?.collection === 'images' ? { sourceImage: source.path, sourceImageId: source.id } : {}),
    ...(source?.collection === 'snapshots'
      ? { sourceSnapshot: source.path, sourceSnapshotId: source.id }
      : {}),
  })
  if (source === undefined) await world.disks.create(disk.path, sizeGb * gibibyte)
  else {
    await world.disks.clone(disk.path, source.path)
    await world.disks.resize(disk.path, sizeGb * gibibyte)
  }
  return disk
}

/** Instances that a disk is attached to. */
export const usersOf = (world: World, disk: Thing): Thing[] =>
  listOf(world.compute, 'instances').filter(
    (instance) =>
      (instance.body['disks'] as { source: string }[]).some(({ source }) => source === disk.path) &&
      instance.life.state() !== 'GONE',
  )

export const diskView = (world: World, disk: Thing): Body => {
  const users = usersOf(world, disk).map(({ path }) => path)
  return viewOf(world, disk, users.length === 0 ? {} : { users })
}

export const pick = (body: Body, names: readonly string[]): Body =>
  Object.fromEntries(names.filter((name) => body[name] !== undefined).map((name) => [name, body[name]]))

function sourceOf(world: World, params: Body): Thing | undefined {
  const { sourceImage: image, sourceSnapshot: snapshot } = params
  if (image !== undefined && snapshot !== undefined)
    throw new Refusal(
      400,
      'invalid',
      "Invalid value for field 'resource': At most one of sourceImage and sourceSnapshot may be given.",
    )
  const source =
    image !== undefined
      ? imageNamed(world, image)
      : snapshot === undefined
        ? undefined
        : resolve(world.compute, snapshot, 'snapshots', 'resource.sourceSnapshot')
  if (source && source.life.state() !== 'READY') throw notReady(source.path)
  return source
}

/** An image by its URL, or the newest of a family. */
export function imageNamed(world: World, reference: unknown): Thing {
  const [, project, family] =
    /projects\/([^/]+)\/global\/images\/family\/([^/]+)$/.exec(String(reference)) ?? []
  if (family === undefined) return resolve(world.compute, reference, 'images', 'resource.sourceImage')
  const newest = listOf(world.compute, 'images')
    .filter(({ path, body }) => path.startsWith(`projects/${project}/`) && body['family'] === family)
    .toSorted((a, b) => b.createdMs - a.createdMs)[0]
  if (newest) return newest
  throw new Refusal(
    404,
    'notFound',
    `The resource 'projects/${project}/global/images/family/${family}' was not found`,
  )
}

async function takeSnapshot(ask: ComputeAsk, disk: Thing) {
  const { world, body } = ask
  checkLabels(body['labels'])
  const at = placeFor({ ...ask, path: { project: world.project } }, 'snapshots')
  const { snapshot: takesMs } = world.delays
  const snapshot = addThing(
    world.compute,
    world.clock,
    at,
    'CREATING',
    {
      ...pick(body, ['description', 'labels', 'storageLocations', 'snapshotEncryptionKey']),
      ...pick(disk.body, ['architecture', 'guestOsFeatures']),
      diskSizeGb: disk.body['sizeGb'],
      sourceDisk: disk.path,
      sourceDiskId: disk.id,
      storageBytes: '0',
      snapshotType: 'STANDARD',
    },
    {
      transitions: {
        CREATING: { to: 'UPLOADING', afterMs: takesMs / 2 },
        UPLOADING: { to: 'READY', afterMs: takesMs / 2 },
      },
      listedAfterMs: world.delays.visible,
    },
  )
  await world.disks.clone(snapshot.path, disk.path)
  return { target: snapshot, afterMs: takesMs }
}

function snapshotView(world: World, snapshot: Thing): Body {
  return viewOf(world, snapshot)
}

function typeNamed(reference: unknown): string {
  if (reference === undefined) return 'pd-standard'
  const name = String(reference).split('/').at(-1) ?? ''
  if (diskTypes.has(name)) return name
  throw new Refusal(
    400,
    'invalid',
    `Invalid value for field 'resource.type': '${String(reference)}'. The referenced disk type does not exist.`,
  )
}

const diskTypes = new Set(['pd-standard', 'pd-balanced', 'pd-ssd', 'pd-extreme', 'hyperdisk-balanced'])
