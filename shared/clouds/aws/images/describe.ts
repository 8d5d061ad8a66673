import type { DescribeImagesRequest, Image } from '@aws-sdk/client-ec2'
import type { CloudImage, CloudRef, CreationState } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { gibibyte, present, toTags } from '#shared/clouds/aws/mapping.ts'
import { pages } from '#shared/clouds/aws/paging.ts'
import { unlessAbsent } from '#shared/clouds/aws/parallel.ts'

/** Images of a query, paged to the end. */
export async function* listImages(
  aws: AwsClients,
  region: string,
  query: DescribeImagesRequest,
): AsyncGenerator<Image> {
  const all = pages((token) =>
    aws.ec2(region, 'DescribeImages', (ec2, http) =>
      ec2.describeImages({ ...query, MaxResults: 1000, ...token }, http),
    ),
  )
  for await (const { Images = [] } of all) yield* Images
}

/** The image as EC2 describes it, or undefined if it is not known (any more, or yet). */
export async function findImage(aws: AwsClients, { region, id }: CloudRef): Promise<Image | undefined> {
  const found = await unlessAbsent(
    aws.ec2(region, 'DescribeImages', (ec2, http) => ec2.describeImages({ ImageIds: [id] }, http)),
  )
  // One that was deregistered may still be told of for a while.
  return found?.Images?.find(({ State }) => State !== 'deregistered')
}

/** An image in our terms; the name that it was given, else EC2's. */
export function toImage(image: Image, region: string): CloudImage {
  const tags = toTags(image.Tags)
  const id = image.ImageId ?? ''
  const root = image.BlockDeviceMappings?.find(({ DeviceName }) => DeviceName === image.RootDeviceName)
  const sizeGib = root?.Ebs?.VolumeSize
  const firmware = firmwares[image.BootMode ?? '']
  const createdAt = image.CreationDate === undefined ? undefined : new Date(image.CreationDate)
  return {
    region,
    id,
    name: tags['Name'] ?? image.Name ?? id,
    state: states[image.State ?? ''] ?? 'failed',
    architecture: image.Architecture === 'arm64' ? 'arm64' : 'x86_64',
    public: image.Public ?? false,
    tags,
    ...present('firmware', firmware),
    ...present('sizeBytes', sizeGib === undefined ? undefined : sizeGib * gibibyte),
    ...present('createdAt', createdAt),
  }
}

/** API reference of Image, `imageState`. */
const states: Record<string, CreationState> = {
  available: 'ready',
  pending: 'pending',
  transient: 'pending',
}

/** An image without a boot mode boots as its type does by default, which may be either. */
const firmwares: Record<string, CloudImage['firmware']> = {
  'legacy-bios': 'bios',
  uefi: 'uefi',
  'uefi-preferred': 'uefi',
}
