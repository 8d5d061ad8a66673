import { changing, type Change } from '#test/clouds/gcp/compute/operations.ts'
import { diskView, imageNamed, pick, usersOf } from '#test/clouds/gcp/compute/disks.ts'
import type { ComputeAsk, Handlers } from '#test/clouds/gcp/compute/handler.ts'
import {
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
import { readTarball } from '#test/clouds/gcp/compute/tarball.ts'
import { addThing, listOf, resolve, type Body, type Thing } from '#test/clouds/gcp/compute/world.ts'
import { Refusal } from '#test/clouds/gcp/refusal.ts'
import type { World } from '#test/clouds/gcp/world.ts'

/** Images: of a tarball in a bucket, of a disk, of a snapshot or of another image. */
export const imageHandlers: Handlers = {
  'compute.images.insert': (ask) => changing(ask, 'insert', () => insertImage(ask)),
  'compute.images.get': (ask) => okay(imageView(ask.world, found(ask, 'images', 'image'))),
  'compute.images.getFromFamily': (ask) =>
    okay(
      imageView(
        ask.world,
        imageNamed(ask.world, `projects/${ask.path['project']}/global/images/family/${ask.path['family']}`),
      ),
    ),
  'compute.images.list': (ask) => listPage(ask, 'images', (image) => imageView(ask.world, image)),
  'compute.images.setLabels': setLabels('images', 'resource'),
  'compute.images.getIamPolicy': (ask) => {
    found(ask, 'images', 'resource')
    return okay({ version: 1, etag: 'ACAB' })
  },
  'compute.images.delete': (ask) =>
    changing(ask, 'delete', () => {
      const image = found(ask, 'images', 'image')
      if (image.life.state() === 'PENDING') throw notReady(image.path)
      remove(ask.world, image)
      return { target: image }
    }),
}

const imageView = (world: World, image: Thing): Body => viewOf(world, image)

async function insertImage(ask: ComputeAsk) {
  const { world, body } = ask
  const at = placeFor(ask, 'images')
  checkLabels(body['labels'])
  const kept = pick(body, [
    'description',
    'family',
    'labels',
    'guestOsFeatures',
    'architecture',
    'imageEncryptionKey',
    'storageLocations',
  ])
  const raw = (body['rawDisk'] as Body | undefined)?.['source']
  const sources = ['sourceDisk', 'sourceSnapshot', 'sourceImage'].filter((name) => body[name] !== undefined)
  if (sources.length + (raw === undefined ? 0 : 1) !== 1)
    throw new Refusal(
      400,
      'invalid',
      "Invalid value for field 'resource': Exactly one of rawDisk.source, sourceDisk, sourceSnapshot and sourceImage must be given.",
    )
  if (typeof raw === 'string') return fromTarball(ask, at, kept, raw)
  const [of = ''] = sources
  const source =
    of === 'sourceImage'
      ? imageNamed(world, body[of])
      : resolve(world.compute, body[of], of === 'sourceDisk' ? 'disks' : 'snapshots', `resource.${of}`)
  if (source.life.state() !== 'READY') throw notReady(source.path)
  if (of === 'sourceDisk' && ask.query.get('forceCreate') !== 'true') refuseRunning(world, source)
  const image = newImage(world, at, {
    ...pick(source.body, ['architecture', 'guestOsFeatures']),
    ...kept,
    [of]: source.path,
    diskSizeGb: source.body[source.collection === 'disks' ? 'sizeGb' : 'diskSizeGb'],
  })
  await world.disks.clone(image.path, source.path)
  await corrupt(ask, image)
  return { target: image, afterMs: world.delays.image }
}

/** The service reads the tarball while the operation runs; what is wrong with it makes the operation fail, and no image is left. */
function fromTarball(ask: ComputeAsk, at: ThingPlace, kept: Body, source: string): Change {
  const { world } = ask
  const path =
    /^(?:https:\/\/storage\.(?:googleapis|cloud\.google)\.com\/|gs:\/\/)(.+)$/.exec(source)?.[1] ?? ''
  const [bucket = '', ...rest] = path.split('/')
  const key = decodeURIComponent(rest.join('/'))
  const object = world.storage.objects.stat(bucket, key)
  if (!object)
    throw new Refusal(
      400,
      'invalid',
      `Invalid value for field 'resource.rawDisk.source': '${source}'. The Google Cloud Storage object does not exist.`,
    )
  const body = {
    ...kept,
    sourceType: 'RAW',
    rawDisk: { source, containerType: 'TAR' },
    archiveSizeBytes: String(object.sizeBytes),
  }
  const image = addThing(world.compute, world.clock, at, 'PENDING', body, {
    listedAfterMs: world.delays.visible,
  })
  const read = async (): Promise<Change['error']> => {
    const outcome = await readTarball(world.storage.objects.read(bucket, key), world.disks, image.path)
    if ('reason' in outcome) {
      remove(world, image)
      return { code: 'INVALID_IMAGE', message: outcome.reason, httpStatus: 400 }
    }
    image.body['diskSizeGb'] = String(outcome.sizeGb)
    await corrupt(ask, image)
    image.life.enter('READY')
    return undefined
  }
  return { target: image, afterMs: world.delays.image, work: read() }
}

type ThingPlace = Parameters<typeof addThing>[2]

function newImage(world: World, at: ThingPlace, body: Body): Thing {
  return addThing(world.compute, world.clock, at, 'PENDING', body, {
    transitions: { PENDING: { to: 'READY', afterMs: world.delays.image } },
    listedAfterMs: world.delays.visible,
  })
}

/** `corrupt_stored`: the image is not quite what was sent. */
async function corrupt({ world, fault }: ComputeAsk, image: Thing): Promise<void> {
  if (fault?.mode !== 'corrupt_stored') return
  const [block] = await world.disks.allocated(image.path, 4096)
  await world.disks.flip(image.path, (block ?? 0) * 4096)
}

function refuseRunning(world: World, disk: Thing): void {
  const user = usersOf(world, disk).find(({ life }) => life.state() !== 'TERMINATED')
  if (user) throw inUse(disk.path, user.path)
}

/** Images whose bytes anything may need. */
export const imagesOf = (world: World): Thing[] => listOf(world.compute, 'images')
export { diskView }
