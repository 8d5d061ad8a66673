import type { CloudRef, ImageFormat, ImagesFacet } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { intentTags, toBootMode } from '#shared/clouds/aws/mapping.ts'

/** Formats that ImportImage takes, with the service's names of them: API reference of ImageDiskContainer. */
export const importFormats: Partial<Record<ImageFormat, string>> = {
  raw: 'raw',
  vhd: 'VHD',
  vhdx: 'VHDX',
  vmdk: 'VMDK',
  ova: 'OVA',
}

/** Starts the import of an object in S3, in its own region. The service gives the same task to the same token. */
export async function importFile(
  aws: AwsClients,
  request: Parameters<ImagesFacet['importFile']>[0],
): Promise<CloudRef> {
  const { source, format, name, architecture, firmware, token } = request
  const Format = importFormats[format]
  if (Format === undefined) throw unsupported(`VM Import takes no ${format} files`, formatRemedy)
  if (architecture !== 'x86_64')
    throw unsupported(
      `VM Import takes no images of ${architecture}`,
      'Move the disk block by block instead: it becomes a VM of any architecture.',
    )
  const { ImportTaskId = '' } = await aws.ec2(source.region, 'ImportImage', (ec2, http) =>
    ec2.importImage(
      {
        ClientToken: token,
        Architecture: architecture,
        BootMode: toBootMode(firmware),
        Description: name,
        RoleName: aws.settings.options.vm_import_role,
        DiskContainers: [
          { Description: name, Format, UserBucket: { S3Bucket: source.bucket, S3Key: source.key } },
        ],
        TagSpecifications: [{ ResourceType: 'import-image-task' as const, Tags: intentTags(request, name) }],
      },
      http,
    ),
  )
  return { region: source.region, id: ImportTaskId }
}

export const unsupported = (reason: string, remedy: string) =>
  new CloudError(`aws cannot: ${reason}.`, { cloud: 'aws', operation: 'images', code: 'unsupported', remedy })

const formatRemedy = `Convert the file, e.g. with qemu-img: ${Object.keys(importFormats).join(', ')} are taken.`
