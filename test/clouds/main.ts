import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildGuestDisk } from '#test/clouds/guest/disk.ts'
import { findLinuxParts } from '#test/clouds/guest/linux-parts.ts'
import { buildLinuxDisk } from '#test/clouds/guest/linux.ts'
import type { LoopbackOptions, StartedCloud } from '#test/clouds/core/types.ts'

/**
 * Runs loopback clouds in this process until SIGTERM, SIGINT or `POST /_control/shutdown`, then exits with 0:
 *
 *     node test/clouds/main.ts [--clouds aws,azure] [--dir DIR] [--images | --linux | --image RAW] [--tied]
 *
 * `--dir` (or LOOPBACK_DIR): where disks are kept; by default a temporary directory that is removed at the end. `--images`: serve the
 * boot-sector guest as the default Linux image; `--linux`: the tiny Linux in its place; `--image` (or LOOPBACK_IMAGE): serve this raw disk. `--tied`: end also when standard
 * input closes, so that nothing is left when the parent dies. Prints one line of JSON once all are ready: see Announcement.
 */
export interface Announcement {
  dir: string
  /** The default image; `unique` is what the guest calls itself. */
  image: { path: string; unique?: string } | undefined
  /** By cloud type: the address for `createControlClient`, and the fields of a provider's registration. */
  clouds: Record<
    string,
    Pick<StartedCloud, 'url' | 'credentials' | 'endpoints' | 'options' | 'regions'> & { caPem?: string }
  >
}

const starters: Record<string, () => Promise<(options: LoopbackOptions) => Promise<StartedCloud>>> = {
  aws: async () => (await import('#test/clouds/aws/server.ts')).startAws,
  azure: async () => (await import('#test/clouds/azure/server.ts')).startAzure,
  gcp: async () => (await import('#test/clouds/gcp/server.ts')).startGcp,
}

const stopped = Promise.withResolvers<void>()
const stop = () => stopped.resolve()
process.once('SIGTERM', stop).once('SIGINT', stop)

const flags = readFlags()
if (flags.tied) process.stdin.resume().once('close', stop).once('error', stop)
const dir = flags.dir ?? (await mkdtemp(join(tmpdir(), 'novacron-clouds-')))
const running: StartedCloud[] = []
try {
  const image = await prepareImage()
  const announcement: Announcement = { dir, image, clouds: {} }
  for (const type of flags.clouds) {
    const start = await starters[type]?.()
    if (!start) throw new TypeError(`--clouds names ${type}; choose of ${Object.keys(starters).join(', ')}`)
    const cloud = await start({
      dir: join(dir, type),
      ...(image && { imagePath: image.path }),
      shutdown: stop,
    })
    running.push(cloud)
    const { url, caPem, credentials, endpoints, options, regions } = cloud
    announcement.clouds[type] = {
      url,
      credentials,
      endpoints,
      options,
      regions,
      ...(caPem !== undefined && { caPem }),
    }
  }
  process.stdout.write(`${JSON.stringify(announcement)}\n`)
  await stopped.promise
} finally {
  await Promise.all(running.map((cloud) => cloud.close()))
  if (flags.dir === undefined) await rm(dir, { recursive: true, force: true })
  process.stdin.destroy()
}

function readFlags() {
  const { values } = parseArgs({
    options: {
      clouds: { type: 'string', default: 'aws,azure' },
      dir: { type: 'string', default: process.env['LOOPBACK_DIR'] ?? '' },
      image: { type: 'string', default: process.env['LOOPBACK_IMAGE'] ?? '' },
      images: { type: 'boolean', default: false },
      linux: { type: 'boolean', default: false },
      tied: { type: 'boolean', default: false },
    },
  })
  if ([values.images, values.linux, values.image !== ''].filter(Boolean).length > 1) {
    throw new TypeError('give one of --images, --linux and --image')
  }
  return {
    ...values,
    clouds: values.clouds.split(',').filter(Boolean),
    dir: values.dir === '' ? undefined : resolve(values.dir),
  }
}

async function prepareImage(): Promise<Announcement['image']> {
  if (flags.image !== '') return { path: resolve(flags.image) }
  if (!flags.images && !flags.linux) return undefined
  await mkdir(dir, { recursive: true })
  const disk = { path: join(dir, 'guest.raw'), unique: `disk-${crypto.randomUUID()}` }
  if (flags.linux) {
    const parts = findLinuxParts()
    if ('reason' in parts) throw new Error(parts.reason)
    await buildLinuxDisk({ ...disk, parts })
  } else await buildGuestDisk(disk)
  return disk
}
