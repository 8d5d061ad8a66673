import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileToDisk, diskToFile, isToolFormat } from '#test/clouds/gcp/builds/formats.ts'
import { isDigestStep, takeDigests } from '#test/clouds/gcp/builds/digests.ts'
import type { LoopbackBuild } from '#test/clouds/gcp/builds/world.ts'
import { addThing, pathOf, resolve } from '#test/clouds/gcp/compute/world.ts'
import { bucketNamed } from '#test/clouds/gcp/storage/buckets.ts'
import { metaOf } from '#test/clouds/gcp/storage/objects.ts'
import { putObject } from '#test/clouds/gcp/storage/put.ts'
import type { World } from '#test/clouds/gcp/world.ts'
import { createReadStream } from 'node:fs'

/** Runs one of Google's image tools, with its flags and its complaints. Whatever it throws fails the build. */
export async function runStep(world: World, { name, args }: LoopbackBuild['steps'][number]): Promise<void> {
  if (isDigestStep(name)) return takeDigests(world, args)
  const tool = /^gcr\.io\/compute-image-(?:tools|import)\/(gce_vm_image_(?:export|import)):\w+$/.exec(
    name,
  )?.[1]
  if (tool === undefined) throw new Error(`pull access denied for ${name}`)
  const known = tool === 'gce_vm_image_export' ? exportFlags : importFlags
  const flags = readFlags(args, known)
  if (tool === 'gce_vm_image_export') await exportImage(world, flags)
  else await importImage(world, flags)
}

type Flags = ReadonlyMap<string, string>

const common = [
  'client_id',
  'timeout',
  'network',
  'subnet',
  'zone',
  'project',
  'scratch_bucket_gcs_path',
  'compute_service_account',
  'labels',
  'oauth',
]
const exportFlags = [...common, 'source_image', 'source_disk_snapshot', 'destination_uri', 'format']
const importFlags = [
  ...common,
  'image_name',
  'source_file',
  'data_disk',
  'os',
  'family',
  'description',
  'uefi_compatible',
  'no_guest_environment',
  'storage_location',
  'kms_key',
]

export async function exportImage(world: World, flags: Flags): Promise<void> {
  const reference = need(flags, 'source_image')
  const path = reference.includes('/') ? reference : `global/images/${reference}`
  const image = resolve(world.compute, path, 'images', 'source_image')
  const format = flags.get('format') ?? 'raw'
  if (!isToolFormat(format)) throw new Error(`qemu-img: Unknown file format '${format}'`)
  const [bucketName, key] = readGsUri(need(flags, 'destination_uri'))
  const bucket = bucketNamed(world.storage, bucketName)
  await inScratch(async (dir) => {
    const file = join(dir, 'out')
    await diskToFile(world.disks.path(image.path), file, format)
    const described = {
      contentType: 'application/octet-stream',
      storageClass: bucket.storageClass,
      custom: {},
      md5Hash: undefined,
      crc32c: undefined,
    }
    const pieces = createReadStream(file, { highWaterMark: 2 ** 20 })
    await putObject(world.storage, bucket, key, pieces, (sums) =>
      metaOf(world.storage, bucket, described, sums),
    )
  })
}

async function importImage(world: World, flags: Flags): Promise<void> {
  const name = need(flags, 'image_name')
  if (!/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) throw new Error(`image name ${name} is invalid`)
  if (!flags.has('data_disk') && !flags.has('os'))
    throw new Error('the operating system could not be detected; give -os or -data_disk')
  const [bucketName, key] = readGsUri(need(flags, 'source_file'))
  const object = world.storage.objects.stat(bucketName, key)
  if (!object) throw new Error(`the file gs://${bucketName}/${key} does not exist`)
  if (world.compute.things.has(pathOf(world.compute, { collection: 'images', place: '', name })))
    throw new Error(`The resource 'projects/${world.project}/global/images/${name}' already exists`)
  await inScratch(async (dir) => {
    const raw = join(dir, 'disk.raw')
    const sizeGb = await fileToDisk(object.path, raw)
    const image = addThing(world.compute, world.clock, { collection: 'images', place: '', name }, 'READY', {
      sourceType: 'RAW',
      diskSizeGb: String(sizeGb),
      archiveSizeBytes: String(object.sizeBytes),
      architecture: 'X86_64',
      storageLocations: [flags.get('storage_location') ?? 'us'],
      ...(flags.has('description') ? { description: flags.get('description') } : {}),
      ...(flags.has('family') ? { family: flags.get('family') } : {}),
      labels: readLabels(flags.get('labels') ?? ''),
      ...(flags.has('uefi_compatible') ? { guestOsFeatures: [{ type: 'UEFI_COMPATIBLE' }] } : {}),
    })
    await world.disks.import(image.path, raw)
  })
}

function readFlags(args: readonly string[], known: readonly string[]): Flags {
  return new Map(
    args.map((arg) => {
      const [, name = '', value = 'true'] = /^--?([a-z_]+)(?:=(.*))?$/s.exec(arg) ?? []
      if (!known.includes(name)) throw new Error(`flag provided but not defined: ${arg}`)
      return [name, value] as const
    }),
  )
}

function readLabels(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .split(',')
      .filter((pair) => pair !== '')
      .map((pair) => {
        const [, key, value] = /^([a-z][a-z0-9_-]{0,62})=([a-z0-9_-]{0,63})$/.exec(pair) ?? []
        if (key === undefined || value === undefined)
          throw new Error(`failed to parse key-value pair: ${pair}`)
        return [key, value] as const
      }),
  )
}

function need(flags: Flags, name: string): string {
  const value = flags.get(name)
  if (value !== undefined && value !== '') return value
  throw new Error(`The flag -${name} must be provided`)
}

function readGsUri(uri: string): [bucket: string, key: string] {
  const [, bucket, key] = /^gs:\/\/([^/]+)\/(.+)$/.exec(uri) ?? []
  if (bucket !== undefined && key !== undefined) return [bucket, key]
  throw new Error(`${uri} is not a Cloud Storage URI`)
}

async function inScratch(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'novacron-build-'))
  try {
    await work(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
