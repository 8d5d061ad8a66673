import type { ImagesFacet, ObjectsFacet } from '#shared/clouds/port.ts'
import type { Host, Site } from '#shared/clouds/onprem/hosts.ts'
import { deleteFiles, imageRefs } from '#shared/clouds/onprem/images/files.ts'
import { download, sizeOfObject, withTaskWorkspace } from '#shared/clouds/onprem/images/staging.ts'
import type { TaskWork } from '#shared/clouds/onprem/images/task-run.ts'
import { idFor } from '#shared/clouds/onprem/ids.ts'
import { keyNameFor } from '#shared/clouds/onprem/keys.ts'
import { roomiestPool } from '#shared/clouds/onprem/placement/view.ts'
import type { ImageRecord } from '#shared/clouds/onprem/records.ts'
import { hostForVolume } from '#shared/clouds/onprem/volumes/create.ts'
import { copyDisk } from '#shared/disks/copy.ts'
import { convertToRaw } from '#shared/disks/image/convert.ts'
import { inspectDiskFile, type DiskFile } from '#shared/disks/image/inspect.ts'
import { unpackOva, type UnpackedOva } from '#shared/disks/image/ova/read.ts'
import { refused } from '#shared/disks/image/refuse.ts'
import type { Workspace } from '#shared/disks/image/workspace.ts'
import { memoryJournal } from '#shared/disks/journal-memory.ts'
import { openRawSource } from '#shared/disks/raw.ts'

export type ImportFile = Parameters<ImagesFacet['importFile']>[0]

/**
 * Makes an image of an object: brought to this machine, inspected as what a stranger gave, converted, and written to a host's pool, every byte
 * checked. If it fails nothing of it is left.
 */
export async function runImport(
  site: Site,
  objects: ObjectsFacet,
  { id: task, region, record: { request }, signal, onProgress }: TaskWork,
): Promise<{ image: string }> {
  const wishes = request as ImportFile
  const id = idFor('img', wishes.token)
  const { records } = site.homeOf(region)
  if ((await records.get('image', id))?.state === 'ready') return { image: id }
  try {
    await withTaskWorkspace(site, task, async (workspace) => {
      const within = (from: number, to: number, message: string) => (done: number, total: number) =>
        onProgress(from + ((to - from) * done) / Math.max(1, total), message)
      const sizeBytes = await sizeOfObject(objects, operation, wishes.source)
      if (sizeBytes > 2 * workspace.limits.maxDiskBytes) throw refused(`it has ${sizeBytes} bytes`)
      const transfer = { sizeBytes, signal, onProgress: within(0, 30, 'reading the file') }
      await download(objects, wishes.source, workspace, 'in', transfer)
      const { disks, hardware } = await toRawDisks(
        workspace,
        wishes.format,
        signal,
        within(30, 60, 'converting'),
      )
      await writeImage(
        site,
        { id, task, region, wishes, workspace, disks, hardware, signal },
        within(60, 100, 'writing'),
      )
    })
  } catch (error) {
    if (!signal.aborted) await removeHalfMade(site, region, id)
    throw error
  }
  return { image: id }
}

const operation = 'images.importFile'

interface RawDisk {
  name: string
  sizeBytes: number
}

async function toRawDisks(
  workspace: Workspace,
  format: ImportFile['format'],
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<{ disks: RawDisk[]; hardware: UnpackedOva['hardware'] }> {
  const { disks: files, hardware }: { disks: DiskFile[]; hardware?: UnpackedOva['hardware'] } =
    format === 'ova' ? await unpackOva(workspace, 'in', signal) : { disks: [{ name: 'in', format }] }
  if (format === 'ova') await workspace.remove('in')
  const made: RawDisk[] = []
  for (const [index, file] of files.entries()) {
    if (format !== 'ova') await inspectDiskFile(workspace, file, signal)
    const raw = await convertToRaw(workspace, file, `raw-${index}`, {
      signal,
      onProgress: (percent) => onProgress(index + percent / 100, files.length),
    })
    if (raw.name !== file.name) await workspace.remove(file.name)
    made.push(raw)
  }
  return { disks: made, hardware }
}

interface ImageToWrite {
  id: string
  task: string
  region: string
  wishes: ImportFile
  workspace: Workspace
  disks: RawDisk[]
  hardware: UnpackedOva['hardware']
  signal: AbortSignal
}

async function writeImage(
  site: Site,
  image: ImageToWrite,
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const { id, region, workspace, disks, signal } = image
  const { host, pool, record } = await beginImage(site, image)
  const total = disks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  let before = 0
  for (const [index, ref] of imageRefs(id, record, pool).entries()) {
    const { name, sizeBytes } = disks[index] ?? { name: '', sizeBytes: 0 }
    await host.volumes.delete(ref)
    await host.volumes.create(ref, { sizeBytes })
    await using ends = new AsyncDisposableStack()
    const source = await openRawSource(workspace.path(name))
    ends.defer(() => source.close())
    const sink = await host.volumes.openSink(ref)
    ends.defer(() => sink.close())
    const report = (done: number, of: number) =>
      onProgress(before + (sizeBytes * done) / Math.max(1, of), total)
    await copyDisk({ source, sink, journal: memoryJournal(), slots, signal, onProgress: report })
    before += sizeBytes
  }
  await site.homeOf(region).records.put('image', id, { ...record, state: 'ready' })
}

/** Writes the image down before any file of it is made, so that each can be found by it; where an earlier try began it goes on. */
async function beginImage(
  site: Site,
  { id, region, task, wishes, disks, hardware }: ImageToWrite,
): Promise<{ host: Host; pool: string; record: ImageRecord }> {
  const { records } = site.homeOf(region)
  const [begun] = (await records.get('image', id))?.copies ?? []
  const host =
    (begun && site.byZone(begun.host)) ?? (await hostForVolume(site, operation, region, undefined, undefined))
  const pool = begun?.host === host.name ? begun.pool : (await roomiestPool(host)).name
  const record: ImageRecord = {
    name: wishes.name,
    tags: wishes.tags,
    createdAt: new Date().toISOString(),
    state: 'pending',
    architecture: wishes.architecture,
    firmware: wishes.firmware,
    ...(hardware === undefined ? {} : { hardware }),
    disks: disks.map(({ sizeBytes }, index) => {
      const keyName = keyNameFor(site.settings, operation, `${id}-${index}`)
      return { sizeBytes, ...(keyName === undefined ? {} : { keyName }) }
    }),
    copies: [{ host: host.name, pool }],
    task,
  }
  await records.put('image', id, record)
  return { host, pool, record }
}

async function removeHalfMade(site: Site, region: string, id: string): Promise<void> {
  const { records } = site.homeOf(region)
  const record = await records.get('image', id)
  if (record === undefined || record.state === 'ready') return
  for (const { host: name, pool } of record.copies) {
    const host = site.byZone(name)
    if (host) await deleteFiles(host, imageRefs(id, record, pool))
  }
  await records.remove('image', id)
}

/** Chunks in flight. */
const slots = 8
