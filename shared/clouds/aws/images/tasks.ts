import type { ExportImageTask, ImportImageTask } from '@aws-sdk/client-ec2'
import type { CloudRef, TaskState } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { findImage } from '#shared/clouds/aws/images/describe.ts'
import { finishExport } from '#shared/clouds/aws/images/export.ts'
import { present, snapshotsOf, tokenTag, toTags } from '#shared/clouds/aws/mapping.ts'
import { pages } from '#shared/clouds/aws/paging.ts'

/**
 * How far an import or export is. One that is completed is finished here: VM Import puts no tags on the image that it makes, so it gets those
 * of its task, before it is called ready; VM Export names its file by itself, so it gets its key.
 */
export async function taskState(aws: AwsClients, task: CloudRef): Promise<TaskState | undefined> {
  return task.id.startsWith('import-') ? importState(aws, task) : exportState(aws, task)
}

/** Import tasks of the account; the service filters them by state alone. */
export async function* importTasks(aws: AwsClients, region: string): AsyncGenerator<ImportImageTask> {
  const all = pages((token) =>
    aws.ec2(region, 'DescribeImportImageTasks', (ec2, http) =>
      ec2.describeImportImageTasks({ MaxResults: 500, ...token }, http),
    ),
  )
  for await (const { ImportImageTasks = [] } of all) yield* ImportImageTasks
}

/** Export tasks of the account. */
export async function* exportTasks(aws: AwsClients, region: string): AsyncGenerator<ExportImageTask> {
  const all = pages((token) =>
    aws.ec2(region, 'DescribeExportImageTasks', (ec2, http) =>
      ec2.describeExportImageTasks({ MaxResults: 500, ...token }, http),
    ),
  )
  for await (const { ExportImageTasks = [] } of all) yield* ExportImageTasks
}

async function importState(aws: AwsClients, { region, id }: CloudRef): Promise<TaskState | undefined> {
  const found = await unlessUnknown(
    aws.ec2(region, 'DescribeImportImageTasks', (ec2, http) =>
      ec2.describeImportImageTasks({ ImportTaskIds: [id] }, http),
    ),
  )
  const task = found?.ImportImageTasks?.[0]
  if (task === undefined) return undefined
  const state = stateOf(task)
  if (state.state !== 'ready' || task.ImageId === undefined) return state
  const image = { region, id: task.ImageId }
  return (await tagImage(aws, image, task)) ? { ...state, image } : { ...state, state: 'pending' }
}

/** Puts the task's tags on its image and the image's snapshots. False if the image is not known yet. */
async function tagImage(aws: AwsClients, ref: CloudRef, task: ImportImageTask): Promise<boolean> {
  const image = await findImage(aws, ref)
  if (image === undefined) return false
  const Tags = task.Tags ?? []
  const done = toTags(image.Tags)[tokenTag] === toTags(Tags)[tokenTag]
  if (done || Tags.length === 0) return true
  // Snapshots first: the image's token says that all is done.
  for (const Resources of [snapshotsOf(image), [ref.id]]) {
    if (Resources.length === 0) continue
    await aws.ec2(ref.region, 'CreateTags', (ec2, http) => ec2.createTags({ Resources, Tags }, http))
  }
  return true
}

async function exportState(aws: AwsClients, { region, id }: CloudRef): Promise<TaskState | undefined> {
  const found = await unlessUnknown(
    aws.ec2(region, 'DescribeExportImageTasks', (ec2, http) =>
      ec2.describeExportImageTasks({ ExportImageTaskIds: [id] }, http),
    ),
  )
  const task = found?.ExportImageTasks?.[0]
  if (task === undefined) return undefined
  const state = stateOf(task)
  if (state.state === 'ready') await finishExport(aws, region, task)
  return state
}

/** Status values: VM Import/Export User Guide, "Check the status of your import image task". One that failed is `deleted`. */
function stateOf(task: Pick<ImportImageTask, 'Status' | 'Progress' | 'StatusMessage'>): TaskState {
  const state = task.Status === 'completed' ? 'ready' : ended.has(task.Status ?? '') ? 'failed' : 'pending'
  const percent = task.Progress === undefined ? Number.NaN : Number(task.Progress)
  return {
    state,
    ...present('progressPercent', state === 'ready' ? 100 : Number.isFinite(percent) ? percent : undefined),
    ...present(
      'message',
      task.StatusMessage ?? (state === 'failed' ? `The task is ${task.Status}.` : undefined),
    ),
  }
}

const ended = new Set(['deleted', 'deleting', 'failed', 'cancelled', 'cancelling'])

/** Ids that the service does not know have a code of their own. */
async function unlessUnknown<T>(ask: Promise<T>): Promise<T | undefined> {
  return ask.catch((error: unknown) => {
    if (
      error instanceof CloudError &&
      /^Invalid(ConversionTaskId|ExportTask|ImportTask)/i.test(error.vendorCode ?? '')
    )
      return undefined
    if (error instanceof CloudError && error.code === 'not_found') return undefined
    throw error
  })
}
