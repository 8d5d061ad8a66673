import type { ImageFormat, ImagesFacet, ObjectsFacet } from '#shared/clouds/port.ts'
import { checksumText } from '#shared/clouds/checksum.ts'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import { copiesOf } from '#shared/clouds/onprem/images/files.ts'
import { upload, withTaskWorkspace } from '#shared/clouds/onprem/images/staging.ts'
import type { TaskEnd, TaskWork } from '#shared/clouds/onprem/images/task-run.ts'
import type { ImageRecord } from '#shared/clouds/onprem/records.ts'
import { notFound, refusal } from '#shared/clouds/onprem/refusals.ts'
import type { Place } from '#shared/clouds/onprem/volumes/across.ts'
import { copyDisk } from '#shared/disks/copy.ts'
import { alignmentBytes, convertFromRaw } from '#shared/disks/image/convert.ts'
import { packOva } from '#shared/disks/image/ova/write.ts'
import type { Workspace } from '#shared/disks/image/workspace.ts'
import { memoryJournal } from '#shared/disks/journal-memory.ts'
import { openRawSink } from '#shared/disks/raw.ts'

export type ExportFile = Parameters<ImagesFacet['exportFile']>[0]

/** The image that is to be exported. @throws CloudError `not_found`, `conflict`, or `invalid_request` if a file of that format cannot hold it. */
export async function requireExportable(
  site: Site,
  { image: { region, id }, format }: Pick<ExportFile, 'image' | 'format'>,
): Promise<ImageRecord> {
  const record = (await site.find('image', id, region))?.body
  if (record === undefined) throw notFound(operation, 'image', { region, id })
  if (record.state !== 'ready')
    throw refusal(operation, `The image ${id} is ${record.state}.`, {
      code: 'conflict',
      kind: record.state === 'pending' ? 'retryable' : 'permanent',
    })
  if (record.disks.length > 1 && format !== 'ova')
    throw refusal(
      operation,
      `format: the image ${id} has ${record.disks.length} disks, and a ${format} file holds one.`,
      { code: 'invalid_request', remedy: 'Export it as ova.' },
    )
  return record
}

/** Writes an image's disks to a file of the wished format, and that to the bucket. Done again it replaces the object by the same. */
export async function runExport(
  site: Site,
  objects: ObjectsFacet,
  { id: task, record: { request }, signal, onProgress }: TaskWork,
): Promise<TaskEnd> {
  const { image, format, target } = request as ExportFile
  const record = await requireExportable(site, { image, format })
  const within = (from: number, to: number, message: string) => (done: number, total: number) =>
    onProgress(from + ((to - from) * done) / Math.max(1, total), message)
  const digest = await withTaskWorkspace(site, task, async (workspace) => {
    const raws = await readDisks(site, { id: image.id, record }, workspace, signal, within(0, 40, 'reading'))
    const content = await toFile(workspace, { record, format, raws }, signal, within(40, 70, 'converting'))
    return upload(objects, target, content, { signal, onProgress: within(70, 100, 'writing the file') })
  })
  const assumed = format === 'ova' && record.hardware === undefined
  return { checksum: checksumText('sha256', digest), ...(assumed ? { note: assumedNote } : {}) }
}

const operation = 'images.exportFile'

interface RawFile {
  name: string
  format: 'raw'
  sizeBytes: number
}

async function readDisks(
  site: Site,
  { id, record }: { id: string; record: ImageRecord },
  workspace: Workspace,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<RawFile[]> {
  const [copy] = copiesOf(site, id, record)
  if (!copy)
    throw refusal(operation, `No host that is registered has the image ${id}.`, { code: 'not_found' })
  const raws: RawFile[] = []
  for (const [index, ref] of copy.refs.entries()) {
    const name = `raw-${index}`
    const report = (done: number, total: number) =>
      onProgress(index + done / Math.max(1, total), copy.refs.length)
    const sizeBytes = await readDisk({ host: copy.host, ref }, workspace, name, signal, report)
    raws.push({ name, format: 'raw', sizeBytes })
  }
  return raws
}

/** Copies a volume to a raw file that ends at a whole MiB, which every format takes. */
async function readDisk(
  { host, ref }: Place,
  workspace: Workspace,
  name: string,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<number> {
  await using ends = new AsyncDisposableStack()
  const source = await host.volumes.openSource(ref)
  ends.defer(() => source.close())
  const sizeBytes = Math.ceil(source.sizeBytes / alignmentBytes) * alignmentBytes
  const sink = await openRawSink(workspace.path(name), { sizeBytes, create: true })
  ends.defer(() => sink.close())
  await copyDisk({ source, sink, journal: memoryJournal(), slots, signal, onProgress })
  return sizeBytes
}

async function toFile(
  workspace: Workspace,
  { record, format, raws }: { record: ImageRecord; format: ImageFormat; raws: RawFile[] },
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<{ path: string } | { sizeBytes: number; body: AsyncIterable<Buffer> }> {
  const [first] = raws
  if (first === undefined) throw new Error('an image has a disk')
  if (format === 'raw') return { path: workspace.path(first.name) }
  const made: { name: string; capacityBytes: number }[] = []
  for (const [index, raw] of raws.entries()) {
    const to = { name: `out-${index}`, format: format === 'ova' ? 'vmdk' : format } as const
    await convertFromRaw(workspace, raw, to, {
      signal,
      onProgress: (percent) => onProgress(index + percent / 100, raws.length),
    })
    await workspace.remove(raw.name)
    made.push({ name: to.name, capacityBytes: raw.sizeBytes })
  }
  if (format !== 'ova') return { path: workspace.path('out-0') }
  return packOva(workspace, {
    name:
      record.name
        .replaceAll(/[^A-Za-z0-9-]+/g, '-')
        .replaceAll(/^-+|-+$/g, '')
        .slice(0, 60) || 'image',
    ...(record.hardware ?? assumedHardware),
    firmware: record.firmware ?? 'bios',
    disks: made,
  })
}

/** A bare disk does not say what machine it was in; whoever imports the OVA chooses. */
const assumedHardware = { vcpus: 1, memoryMib: 1024 }
const assumedNote = `The image does not say what its VM had, so the OVA says ${assumedHardware.vcpus} vCPU and ${assumedHardware.memoryMib} MiB: choose anew where it is imported.`

/** Chunks in flight. */
const slots = 8
