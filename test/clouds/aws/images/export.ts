import { changing, chosen, done, reading, tagsFor, tagsOf } from '#test/clouds/aws/action.ts'
import { createLifecycle } from '#test/clouds/core/clock.ts'
import { exportDisk } from '#test/clouds/aws/images/convert.ts'
import { oncePerToken, roleExists, shownStatus, usableBucket } from '#test/clouds/aws/images/rules.ts'
import type { ExportTask, TaskLife } from '#test/clouds/aws/images/tasks.ts'
import { filtered, paged } from '#test/clouds/aws/querying.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import { putBytes } from '#test/clouds/aws/s3/objects.ts'
import {
  filters,
  group,
  imageId,
  list,
  need,
  nextToken,
  oneOf,
  tagSpecifications,
  text,
  whole,
} from '#test/clouds/aws/shapes.ts'
import { find, newId, type Region, type Snapshot, type World } from '#test/clouds/aws/world.ts'
import type { Xml } from '#test/clouds/aws/xml.ts'

export const exportImage = changing(
  {
    ClientToken: text({ max: 64 }),
    Description: text({ max: 255 }),
    DiskImageFormat: need(oneOf('VMDK', 'RAW', 'VHD')),
    ImageId: need(imageId),
    RoleName: text({ max: 64 }),
    S3ExportLocation: group({ S3Bucket: need(text()), S3Prefix: text({ max: 1000 }) }),
    TagSpecification: tagSpecifications,
  },
  (input, { world, region }) => {
    roleExists(input.RoleName)
    const asked = JSON.stringify(input)
    const known = oncePerToken(world.services.exports, input.ClientToken, asked)
    if (known) return describe(known)
    const image = find(region, region.images, input.ImageId, 'InvalidAMIID.NotFound')
    if (image.ownerId !== world.accountId)
      throw new Refusal('InvalidParameter', `The image ${image.id} is not yours to export`)
    const mapping = image.mappings.find(({ device }) => device === image.rootDevice)
    const snapshot = region.snapshots.get(mapping?.snapshotId ?? '')
    if (!snapshot || input.S3ExportLocation === undefined)
      throw new Refusal('InvalidParameter', `The image ${image.id} has nothing that can be exported there`)
    if (snapshot.encrypted)
      throw new Refusal('InvalidParameter', `The image ${image.id} has encrypted snapshots`)
    if (input.DiskImageFormat === 'VMDK')
      throw new Refusal('Unsupported', 'VMDK files are not written here: ask for RAW or VHD')
    usableBucket(world, region, input.S3ExportLocation.S3Bucket)
    const task: ExportTask = {
      id: newId('export-ami'),
      seq: world.nextSeq(),
      tags: tagsFor('export-image-task', input.TagSpecification),
      region: region.name,
      description: input.Description ?? '',
      clientToken: input.ClientToken,
      asked,
      life: createLifecycle<TaskLife>({ transitions: {}, clock: world.clock }).start('active'),
      reason: undefined,
      imageId: image.id,
      format: input.DiskImageFormat,
      bucket: input.S3ExportLocation.S3Bucket,
      prefix: input.S3ExportLocation.S3Prefix ?? '',
    }
    world.services.exports.set(task.id, task)
    world.background(convert(world, region, task, snapshot))
    return describe(task)
  },
)

export const describeExportImageTasks = reading(
  {
    ExportImageTaskId: list(text({ pattern: /^export-ami-[0-9a-f]+$/ })),
    Filter: filters,
    MaxResults: whole(5, 500),
    NextToken: nextToken,
  },
  ({ ExportImageTaskId, Filter, MaxResults, NextToken }, { world, region }) => {
    const own = new Map([...world.services.exports].filter(([, task]) => task.region === region.name))
    const tasks = chosen(region, own, ExportImageTaskId, 'InvalidExportTaskID.NotFound')
    const found = filtered(tasks, Filter, { 'task-state': ({ life }) => [shownStatus(life.state())] })
    const query = ['exports', ExportImageTaskId, Filter]
    const { page, nextToken: next } = paged(world, found, {
      query,
      maxResults: MaxResults,
      nextToken: NextToken,
    })
    return { exportImageTaskSet: page.map(describe), nextToken: next }
  },
)

export const cancelExportTask = changing({ ExportTaskId: need(text()) }, ({ ExportTaskId }, { world }) => {
  const task = world.services.exports.get(ExportTaskId)
  if (!task) throw new Refusal('InvalidExportTaskID.NotFound', `The task ${ExportTaskId} does not exist`)
  if (task.life.state() !== 'active')
    throw new Refusal('IncorrectState', `The task ${ExportTaskId} is not active`)
  task.life.enter('cancelled')
  task.reason = 'User initiated task cancelation.'
  return done
})

async function convert(world: World, region: Region, task: ExportTask, snapshot: Snapshot): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, world.delays.snapshot))
  if (task.life.state() !== 'active') return
  // Without the zeros that an import added to make whole GiB of it.
  const sizeBytes = world.services.virtualBytes.get(snapshot.id) ?? snapshot.sizeGib * 2 ** 30
  const bucket = usableBucket(world, region, task.bucket)
  const key = `${task.prefix}${task.id}.${task.format.toLowerCase()}`
  const bytes = exportDisk(world.store, { diskId: snapshot.diskId, sizeBytes, format: task.format })
  await putBytes(world, bucket, key, bytes, {
    etag: task.id,
    checksums: {},
    contentType: 'application/octet-stream',
  })
  task.life.enter('completed')
}

const describe = (task: ExportTask): { [element: string]: Xml } => ({
  exportImageTaskId: task.id,
  description: task.description,
  diskImageFormat: task.format,
  imageId: task.imageId,
  progress: task.life.state() === 'active' ? '35' : undefined,
  s3ExportLocation: { s3Bucket: task.bucket, s3Prefix: task.prefix },
  status: shownStatus(task.life.state()),
  statusMessage: task.life.state() === 'active' ? 'converting' : task.reason,
  tagSet: tagsOf(task.tags),
})
