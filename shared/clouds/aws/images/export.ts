import type { DiskImageFormat, ExportImageTask } from '@aws-sdk/client-ec2'
import type { CloudRef, ImageFormat, ImagesFacet, ObjectRef } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { unsupported } from '#shared/clouds/aws/images/import.ts'
import { intentTags } from '#shared/clouds/aws/mapping.ts'
import { moveObject } from '#shared/clouds/aws/s3/move-object.ts'

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
  const { S3ExportLocation: { S3Bucket = '', S3Prefix = '' } = {}, ExportImageTaskId = '' } = task
  const target: ObjectRef = { region, bucket: S3Bucket, key: S3Prefix.replace(/\/$/, '') }
  const extensions = Object.keys(exportFormats)
  for (const extension of extensions) {
    if (await moveObject(aws, target, `${S3Prefix}${ExportImageTaskId}.${extension}`)) return
  }
}
