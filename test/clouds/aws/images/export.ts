import { changing, done, reading } from '#test/clouds/aws/action.ts'
import { exportDisk } from '#test/clouds/aws/images/convert.ts'
import { oncePerToken, roleExists, usableBucket } from '#test/clouds/aws/images/rules.ts'
import {
  cancelTask,
  conversionTime,
  describeTask,
  listTasks,
  newTask,
  type ExportTask,
} from '#test/clouds/aws/images/tasks.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import { putBytes, removeObject } from '#test/clouds/aws/s3/objects.ts'
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
import { find, type Region, type Snapshot, type World } from '#test/clouds/aws/world.ts'
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
  (input, scene) => {
    const { world, region } = scene
    roleExists(input.RoleName)
    const known = oncePerToken(world.services.exports, input.ClientToken, JSON.stringify(input))
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
    usableBucket(world, region, input.S3ExportLocation.S3Bucket)
    const task: ExportTask = {
      ...newTask(scene, { id: 'export-ami', kind: 'export-image-task', input }),
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
  ({ ExportImageTaskId: ids, Filter, MaxResults: maxResults, NextToken }, scene) => {
    const { page, nextToken: next } = listTasks(scene, scene.world.services.exports, {
      ids,
      unknown: 'InvalidExportTaskID.NotFound',
      filters: Filter,
      maxResults,
      nextToken: NextToken,
    })
    return { exportImageTaskSet: page.map(describe), nextToken: next }
  },
)

export const cancelExportTask = changing({ ExportTaskId: need(text()) }, ({ ExportTaskId }, { world }) => {
  const reason = 'User initiated task cancelation.'
  cancelTask(world.services.exports, ExportTaskId, { unknown: 'InvalidExportTaskID.NotFound', reason })
  return done
})

async function convert(world: World, region: Region, task: ExportTask, snapshot: Snapshot): Promise<void> {
  if (!(await conversionTime(world, task))) return
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
  // Cancelled while it was written: it leaves no file.
  if (task.life.state() === 'active') task.life.enter('completed')
  else await removeObject(world, bucket, key, undefined)
}

const describe = (task: ExportTask): { [element: string]: Xml } => ({
  ...describeTask(task, '35'),
  exportImageTaskId: task.id,
  diskImageFormat: task.format,
  imageId: task.imageId,
  s3ExportLocation: { s3Bucket: task.bucket, s3Prefix: task.prefix },
})
