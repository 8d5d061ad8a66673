import type { Tag } from '@aws-sdk/client-ec2'
import type { CloudRef } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { findImage } from '#shared/clouds/aws/images/describe.ts'
import { isUnfinished, removeUnfinished } from '#shared/clouds/aws/images/export.ts'
import { removeImage } from '#shared/clouds/aws/images/remove.ts'
import { exportTasks, importTasks } from '#shared/clouds/aws/images/tasks.ts'
import { owned, type OwnedKind } from '#shared/clouds/aws/inventory/kinds.ts'
import { toTags, tokenTag } from '#shared/clouds/aws/mapping.ts'
import { ownedBuckets } from '#shared/clouds/aws/s3/buckets.ts'
import { deleteBucket } from '#shared/clouds/aws/s3/delete-bucket.ts'
import { unlessAbsent } from '#shared/clouds/aws/parallel.ts'

/** Imports and exports under way, images that an import left without its tags, files that an export left without their key, and buckets; in the order in which they can be removed. */
export const serviceKinds = (aws: AwsClients): OwnedKind[] => [
  {
    kind: 'import_task',
    async *find(region, tags) {
      for await (const task of importTasks(aws, region)) {
        if (carries(task.Tags, tags) && underWay.has(task.Status ?? ''))
          yield* owned('import_task', region, task.ImportTaskId, task.Tags)
      }
    },
    remove: (ref) => cancelImport(aws, ref),
  },
  {
    kind: 'imported_image',
    async *find(region, tags) {
      for await (const task of importTasks(aws, region)) {
        if (!carries(task.Tags, tags) || task.Status !== 'completed' || task.ImageId === undefined) continue
        const image = await findImage(aws, { region, id: task.ImageId })
        // One that has its tags is told of as an image.
        if (image === undefined || toTags(image.Tags)[tokenTag] !== undefined) continue
        yield* owned('imported_image', region, task.ImageId, task.Tags)
      }
    },
    remove: (ref) => removeImage(aws, ref),
  },
  {
    kind: 'export_task',
    async *find(region, tags) {
      for await (const task of exportTasks(aws, region)) {
        if (carries(task.Tags, tags) && underWay.has(task.Status ?? ''))
          yield* owned('export_task', region, task.ExportImageTaskId, task.Tags)
      }
    },
    remove: (ref) => cancelExport(aws, ref),
  },
  {
    kind: 'exported_file',
    async *find(region, tags) {
      for await (const task of exportTasks(aws, region)) {
        if (!carries(task.Tags, tags) || task.Status !== 'completed') continue
        if (await isUnfinished(aws, region, task))
          yield* owned('exported_file', region, task.ExportImageTaskId, task.Tags)
      }
    },
    remove: (ref) => removeUnfinished(aws, ref),
  },
  {
    kind: 'bucket',
    find: (region, tags) => ownedBuckets(aws, { region, tags: { ...tags } }),
    remove: (ref) => deleteBucket(aws, ref, { withObjects: true }),
  },
]

const underWay = new Set(['active', 'pending', 'converting', 'updating', 'booting'])

function carries(list: Tag[] | undefined, tags: Readonly<Record<string, string>>): boolean {
  const has = toTags(list)
  return Object.entries(tags).every(([key, value]) => has[key] === value)
}

async function cancelImport(aws: AwsClients, { region, id }: CloudRef): Promise<void> {
  await unlessOver(
    aws.ec2(region, 'CancelImportTask', (ec2, http) => ec2.cancelImportTask({ ImportTaskId: id }, http)),
  )
}

async function cancelExport(aws: AwsClients, { region, id }: CloudRef): Promise<void> {
  await unlessOver(
    aws.ec2(region, 'CancelExportTask', (ec2, http) => ec2.cancelExportTask({ ExportTaskId: id }, http)),
  )
}

/** One that has come to its end cannot be cancelled, and need not be. */
async function unlessOver(cancelling: Promise<unknown>): Promise<void> {
  await unlessAbsent(cancelling).catch((error: unknown) => {
    if (!(error instanceof CloudError && error.code === 'conflict')) throw error
  })
}
