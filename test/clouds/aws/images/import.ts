import { changing, done, reading } from '#test/clouds/aws/action.ts'
import { encryptionOf } from '#test/clouds/aws/actions/volumes/volumes.ts'
import { addImage } from '#test/clouds/aws/actions/images.ts'
import { snapshotLife } from '#test/clouds/aws/actions/snapshots.ts'
import { importDisk } from '#test/clouds/aws/images/convert.ts'
import { BrokenFile } from '#test/clouds/aws/images/file-bytes.ts'
import { oncePerToken, readableObject, roleExists, shownStatus } from '#test/clouds/aws/images/rules.ts'
import {
  cancelTask,
  conversionTime,
  describeTask,
  listTasks,
  newTask,
  type ImportTask,
} from '#test/clouds/aws/images/tasks.ts'
import { invalidValue } from '#test/clouds/aws/refusal.ts'
import {
  filters,
  group,
  list,
  need,
  nextToken,
  oneOf,
  tagSpecifications,
  text,
  whole,
} from '#test/clouds/aws/shapes.ts'
import { newId, type Region, type World } from '#test/clouds/aws/world.ts'
import type { Xml } from '#test/clouds/aws/xml.ts'

export const importImage = changing(
  {
    Architecture: oneOf('i386', 'x86_64'),
    BootMode: oneOf('legacy-bios', 'uefi'),
    ClientToken: text({ max: 64 }),
    Description: text({ max: 255 }),
    DiskContainer: list(
      group({
        Description: text({ max: 255 }),
        Format: need(oneOf('raw', 'RAW', 'VHD', 'VHDX', 'VMDK', 'OVA')),
        UserBucket: group({ S3Bucket: need(text()), S3Key: need(text()) }),
      }),
    ),
    LicenseType: oneOf('AWS', 'BYOL'),
    Platform: oneOf('Windows', 'Linux'),
    RoleName: text({ max: 64 }),
    TagSpecification: tagSpecifications,
  },
  async (input, scene) => {
    const { world, region } = scene
    roleExists(input.RoleName)
    const [container, ...more] = input.DiskContainer
    const source = container?.UserBucket
    if (!container || !source || more.length > 0)
      throw invalidValue('One disk container with a UserBucket is taken here')
    const known = oncePerToken(world.services.imports, input.ClientToken, JSON.stringify(input))
    if (known) return { importTaskId: known.id, ...describe(known) }
    const object = readableObject(world, region, source.S3Bucket, source.S3Key)
    const task: ImportTask = {
      ...newTask(scene, { id: 'import-ami', kind: 'import-image-task', input }),
      architecture: input.Architecture ?? 'x86_64',
      bootMode: input.BootMode,
      url: { bucket: source.S3Bucket, key: source.S3Key },
      format: container.Format,
      imageId: undefined,
      snapshotId: undefined,
    }
    world.services.imports.set(task.id, task)
    world.background(convert(world, region, task, object.path))
    return describe(task)
  },
)

export const describeImportImageTasks = reading(
  {
    ImportTaskId: list(text({ pattern: /^import-ami-[0-9a-f]+$/ })),
    Filters: filters,
    MaxResults: whole(5, 500),
    NextToken: nextToken,
  },
  ({ ImportTaskId: ids, Filters, MaxResults: maxResults, NextToken }, scene) => {
    const { page, nextToken: next } = listTasks(scene, scene.world.services.imports, {
      ids,
      unknown: 'InvalidConversionTaskId',
      filters: Filters,
      maxResults,
      nextToken: NextToken,
    })
    return { importImageTaskSet: page.map(describe), nextToken: next }
  },
)

export const cancelImportTask = changing(
  { ImportTaskId: need(text()), CancelReason: text() },
  ({ ImportTaskId, CancelReason }, { world }) => {
    const reason = CancelReason ?? 'User initiated task cancelation.'
    cancelTask(world.services.imports, ImportTaskId, { unknown: 'InvalidConversionTaskId', reason })
    return { ...done, importTaskId: ImportTaskId, previousState: 'active', state: 'deleting' }
  },
)

async function convert(world: World, region: Region, task: ImportTask, path: string): Promise<void> {
  const snapshotId = newId('snap')
  try {
    const sizeBytes = await importDisk(world.store, { path, format: task.format, diskId: snapshotId })
    // Cancelled meanwhile: nothing comes of it.
    if (!(await conversionTime(world, task))) return await world.store.remove(snapshotId)
    const sizeGib = world.store.size(snapshotId) / 2 ** 30
    region.snapshots.set(snapshotId, {
      id: snapshotId,
      diskId: snapshotId,
      seq: world.nextSeq(),
      tags: new Map(),
      ownerId: world.accountId,
      volumeId: 'vol-ffffffff',
      sizeGib,
      description: `Created by AWS-VMImport service for ${task.id}`,
      startedAt: new Date(world.clock.now()),
      ...encryptionOf({ world, region }, undefined, undefined),
      lineage: snapshotId,
      life: snapshotLife(world, 'completed'),
      written: undefined,
      allocated: undefined,
    })
    world.services.virtualBytes.set(snapshotId, sizeBytes)
    const image = addImage(world, region.images, {
      name: task.id,
      description: `AWS-VMImport service: Linux - ${task.description}`,
      ownerId: world.accountId,
      public: false,
      architecture: task.architecture,
      bootMode: task.bootMode,
      enaSupport: true,
      rootDevice: '/dev/sda1',
      mappings: [{ device: '/dev/sda1', snapshotId, sizeGib, type: 'gp2', deleteOnTermination: true }],
      createdAt: new Date(world.clock.now()),
      // Those of the task stay with the task.
      tags: new Map(),
    })
    task.imageId = image.id
    task.snapshotId = snapshotId
    task.life.enter('completed')
  } catch (error) {
    if (!(error instanceof BrokenFile)) throw error
    task.reason = `ClientError: ${error.message}`
    task.life.enter('failed')
  }
}

const describe = (task: ImportTask): { [element: string]: Xml } => ({
  ...describeTask(task, '19'),
  importTaskId: task.id,
  architecture: task.architecture,
  bootMode: task.bootMode,
  imageId: task.imageId,
  platform: 'Linux',
  snapshotDetailSet: [
    {
      diskImageSize: undefined,
      format: task.format.toUpperCase(),
      snapshotId: task.snapshotId,
      status: shownStatus(task.life.state()),
      userBucket: { s3Bucket: task.url.bucket, s3Key: task.url.key },
    },
  ],
})
