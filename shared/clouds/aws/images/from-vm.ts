import type { CloudRef, ImagesFacet } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { listImages } from '#shared/clouds/aws/images/describe.ts'
import { intentTags } from '#shared/clouds/aws/mapping.ts'
import { bounds, waitFor } from '#shared/clouds/aws/waiting.ts'

/**
 * CreateImage takes no token, but EC2 keeps names of images unique in an account: the name ends with the intent's token, and one that is taken
 * is ours.
 */
export async function createFromVm(
  aws: AwsClients,
  request: Parameters<ImagesFacet['createFromVm']>[0],
): Promise<CloudRef> {
  const { region } = request.vm
  const Name = imageName(request)
  const known = await findByName(aws, region, Name)
  if (known !== undefined) return { region, id: known }
  const made = await create(aws, request, Name)
  const id = (await waitFor(() => findByName(aws, region, Name), bounds(aws))) ?? made
  if (id !== undefined) return { region, id }
  throw new CloudError(
    `AWS CreateImage in ${region}: an image ${Name} is said to exist, but is not listed.`,
    {
      cloud: 'aws',
      operation: 'CreateImage',
      code: 'unavailable',
      kind: 'retryable',
      remedy: 'It is tried again.',
    },
  )
}

async function create(
  aws: AwsClients,
  request: Parameters<ImagesFacet['createFromVm']>[0],
  Name: string,
): Promise<string | undefined> {
  const Tags = intentTags(request, request.name)
  try {
    const { ImageId } = await aws.ec2(request.vm.region, 'CreateImage', (ec2, http) =>
      ec2.createImage(
        {
          InstanceId: request.vm.id,
          Name,
          Description: `Disks of ${request.vm.id}`,
          // The caller decides whether the VM runs; EC2 would restart one that does.
          NoReboot: true,
          TagSpecifications: [
            { ResourceType: 'image' as const, Tags },
            { ResourceType: 'snapshot' as const, Tags },
          ],
        },
        http,
      ),
    )
    return ImageId
  } catch (error) {
    if (error instanceof CloudError && error.vendorCode === 'InvalidAMIName.Duplicate') return undefined
    throw error
  }
}

async function findByName(aws: AwsClients, region: string, name: string): Promise<string | undefined> {
  const Filters = [{ Name: 'name', Values: [name] }]
  for await (const image of listImages(aws, region, { Owners: ['self'], Filters })) return image.ImageId
  return undefined
}

/** 3 to 128 of the characters that EC2 takes in names of images, none of which means anything in a filter. */
const imageName = ({ name, token }: { name: string; token: string }): string =>
  `${name.replace(/[^A-Za-z0-9 ._-]/g, '-').slice(0, 80)} (${token})`
