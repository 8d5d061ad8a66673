import { randomUUID } from 'node:crypto'
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { openOnPremise } from '#shared/clouds/onprem/onprem.ts'
import { openSite, type Site } from '#shared/clouds/onprem/hosts.ts'
import type { Interceptor } from '#shared/clouds/onprem/gate.ts'
import { imageRefs } from '#shared/clouds/onprem/images/files.ts'
import { parseOnPremSettings } from '#shared/clouds/onprem/settings.ts'
import type { Cloud, CloudRef, CloudSettings, Firmware, ImageFormat, TaskState } from '#shared/clouds/port.ts'
import { digestOfDisk, intentOf, newJob } from '#test/shared/clouds/conformance/subject.ts'
import { settingsFor } from '#test/shared/clouds/onprem/subject.ts'

export const region = 'lab'
export const job = newJob()

/** Two hosts of the qemu driver on this machine with a bucket, for tests of images that start no VM. */
export interface ImageLab {
  readonly dir: string
  readonly settings: CloudSettings
  readonly cloud: Cloud
  /** As the provider sees its hosts. */
  readonly site: Site
  readonly bucket: CloudRef
  /** The provider once more, as another worker has it. */
  open(intercept?: Interceptor): Promise<Cloud>
}

/** @param options of the registration, beside the usual ones of tests. */
export async function openImageLab(options: Record<string, unknown> = {}): Promise<ImageLab> {
  const dir = await mkdtemp(join(tmpdir(), 'nc-images-'))
  await chmod(dir, 0o711)
  const hosts = ['alpha', 'beta'].map((name) => ({ name, location: region, folder: join(dir, name) }))
  const settings = settingsFor(
    {
      driver: 'qemu',
      hosts,
      options,
      writeRunning: () => Promise.reject(new Error('nothing runs')),
      residue: () => [],
      close: () => Promise.resolve(),
    },
    join(dir, 'objects'),
  )
  const opened: { close(): void }[] = []
  const open = async (intercept?: Interceptor) => {
    const cloud = await openOnPremise(settings, intercept ? { intercept } : {})
    opened.push(cloud)
    return cloud
  }
  const site = await openSite(parseOnPremSettings(settings))
  opened.push(site)
  onTestFinished(async () => {
    for (const each of opened) each.close()
    await rm(dir, { recursive: true, force: true })
  })
  const cloud = await open()
  const name = `b-${randomUUID()}`
  const bucket = await cloud.storage.buckets.create({
    ...intentOf(job),
    region,
    name,
    versioning: false,
    lifecycle: [],
  })
  return { dir, settings, cloud, site, bucket, open }
}

/** Puts bytes into the bucket and asks for their import. */
export async function startImport(
  { cloud, bucket }: Pick<ImageLab, 'cloud' | 'bucket'>,
  content: Buffer,
  format: ImageFormat,
  intent = intentOf(job),
  firmware: Firmware = 'bios',
): Promise<CloudRef> {
  const key = `in/${randomUUID()}`
  await putObject(cloud, bucket, key, content)
  return cloud.images.importFile({
    ...intent,
    source: { region, bucket: bucket.id, key },
    format,
    name: 'golden',
    architecture: 'x86_64',
    firmware,
  })
}

export async function putObject(cloud: Cloud, bucket: CloudRef, key: string, content: Buffer): Promise<void> {
  async function* body() {
    yield await Promise.resolve(content)
  }
  await cloud.storage.objects.write(bucket, { key, sizeBytes: content.length, body: body() })
}

/** Follows a task to its end. */
export async function endOf({ images }: Cloud, task: CloudRef): Promise<TaskState> {
  for (;;) {
    const state = await images.taskState(task)
    if (state === undefined) throw new Error(`there is no task ${task.id}`)
    if (state.state !== 'pending') return state
  }
}

/** The image of an import that must succeed. */
export async function imported(lab: ImageLab, content: Buffer, format: ImageFormat): Promise<CloudRef> {
  const { image, message } = await endOf(lab.cloud, await startImport(lab, content, format))
  if (image === undefined) throw new Error(message ?? 'no image')
  return image
}

/** What each disk of an image holds on a host, as `digestOfBytes` tells. */
export async function digestsOf({ site }: ImageLab, { id }: CloudRef, host: string): Promise<string[]> {
  const record = await site.homeOf(region).records.get('image', id)
  const copy = record?.copies.find((each) => each.host === host)
  if (!record || !copy) throw new Error(`${host} has no image ${id}`)
  const digests: string[] = []
  for (const ref of imageRefs(id, record, copy.pool)) {
    const source = await (site.byZone(host) ?? site.homeOf(region)).volumes.openSource(ref)
    digests.push(await digestOfDisk(source))
    await source.close()
  }
  return digests
}

/** Names of all files that hosts keep of images, and of what is being converted. */
export async function filesOf({ dir }: ImageLab): Promise<string[]> {
  const all = await readdir(dir, { recursive: true, withFileTypes: true })
  return all
    .filter((entry) => entry.isFile() && /\/(pools|staging)(\/|$)/.test(entry.parentPath))
    .map(({ parentPath, name }) => join(parentPath, name).slice(dir.length + 1))
    .toSorted()
}
