import type { DiskImageFormat, ExportImageTask } from '@aws-sdk/client-ec2'
import type { CloudRef, ImageFormat, ImagesFacet, ObjectRef } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { unsupported } from '#shared/clouds/aws/images/import.ts'
import { intentTags } from '#shared/clouds/aws/mapping.ts'
import { unlessAbsent } from '#shared/clouds/aws/parallel.ts'
import { headObject, moveObject } from '#shared/clouds/aws/s3/move-object.ts'
import { abortUploads, openUploads } from '#shared/clouds/aws/s3/open-uploads.ts'

/** Formats that ExportImage gives: API reference of ExportImage. */
export const exportFormats: Partial<Record<ImageFormat, DiskImageFormat>> = {
  raw: 'RAW',
  vhd: 'VHD',
  vmdk: 'VMDK',
}

/**
 * Starts the export of an image to S3, in its own region. The service names the file by its task, below a prefix; the prefix is the key that
 * was asked for, so that `finishExport` needs nothing but the task.
 */
export async function exportFile(
  aws: AwsClients,
  request: Parameters<ImagesFacet['exportFile']>[0],
): Promise<CloudRef> {
  const { image, format, target, token } = request
  const DiskImageFormat = exportFormats[format]
  if (DiskImageFormat === undefined)
    throw unsupported(
      `VM Export gives no ${format} files`,
      `Ask for one of ${Object.keys(exportFormats).join(', ')}, and convert it, e.g. with qemu-img.`,
    )
  if (image.region !== target.region)
    throw new CloudError(
      `The image is in ${image.region}, and the bucket ${target.bucket} in ${target.region}.`,
      {
        cloud: 'aws',
        operation: 'ExportImage',
        code: 'invalid_request',
        remedy: 'Name a bucket in the image’s own region.',
        details: { field: 'target.region' },
      },
    )
  const { ExportImageTaskId = '' } = await aws.ec2(image.region, 'ExportImage', (ec2, http) =>
    ec2.exportImage(
      {
        ClientToken: token,
        ImageId: image.id,
        DiskImageFormat,
        Description: target.key.slice(0, 255),
        RoleName: aws.settings.options.vm_import_role,
        S3ExportLocation: { S3Bucket: target.bucket, S3Prefix: `${target.key}/` },
        TagSpecifications: [{ ResourceType: 'export-image-task' as const, Tags: intentTags(request) }],
      },
      http,
    ),
  )
  return { region: image.region, id: ExportImageTaskId }
}

/** Gives the file of a completed export the key that was asked for. Safe to repeat. */
export async function finishExport(aws: AwsClients, region: string, task: ExportImageTask): Promise<void> {
  const { target, files } = placesOf(region, task)
  for (const file of files) if (await moveObject(aws, target, file)) return
}

/** Is there anything of a completed export that has not got its key? */
export async function isUnfinished(aws: AwsClients, region: string, task: ExportImageTask): Promise<boolean> {
  const { target, files } = placesOf(region, task)
  for (const Key of files) if ((await headObject(aws, { ...target, key: Key })) !== undefined) return true
  return (await openUploads(aws, bucketOf(target), target.key)).length > 0
}

/** Removes what a completed export has made that has not got its key. Nothing (any more) is fine. */
export async function removeUnfinished(aws: AwsClients, { region, id }: CloudRef): Promise<void> {
  const found = await aws.ec2(region, 'DescribeExportImageTasks', (ec2, http) =>
    ec2.describeExportImageTasks({ ExportImageTaskIds: [id] }, http),
  )
  for (const task of found.ExportImageTasks ?? []) {
    const { target, files } = placesOf(region, task)
    await abortUploads(aws, bucketOf(target), target.key)
    for (const Key of files)
      await unlessAbsent(
        aws.s3(region, 'DeleteObject', (s3, http) => s3.deleteObject({ Bucket: target.bucket, Key }, http)),
      )
  }
}

/** Where the file is to be, and where the service may have put it: it names it by the format, which the task does not tell. */
function placesOf(
  region: string,
  { S3ExportLocation: { S3Bucket = '', S3Prefix = '' } = {}, ExportImageTaskId = '' }: ExportImageTask,
): { target: ObjectRef; files: string[] } {
  return {
    target: { region, bucket: S3Bucket, key: S3Prefix.replace(/\/$/, '') },
    files: Object.keys(exportFormats).map((extension) => `${S3Prefix}${ExportImageTaskId}.${extension}`),
  }
}

const bucketOf = ({ region, bucket }: ObjectRef): CloudRef => ({ region, id: bucket })
