import type { _InstanceType, DescribeImagesRequest, Image } from '@aws-sdk/client-ec2'
import type { Architecture, CloudRef, CreateVm, Firmware } from '#shared/clouds/port.ts'
import { CloudError, isNotFound } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { dataDevices, rootDevice } from '#shared/clouds/aws/devices.ts'
import { intentTags, snapshotsOf, toBootMode, toSize } from '#shared/clouds/aws/mapping.ts'
import { pages } from '#shared/clouds/aws/paging.ts'
import { eraseSnapshot } from '#shared/clouds/aws/disks/snapshots.ts'
import { waitFor } from '#shared/clouds/aws/waiting.ts'

/** The image named, or the newest Ubuntu 24.04 LTS of Canonical that the instance type can boot. */
export async function findImage(
  aws: AwsClients,
  { region, image, instanceType }: { region: string; image: string | undefined; instanceType: string },
): Promise<Image> {
  const query: DescribeImagesRequest =
    image === undefined ? ubuntu(await architectureOf(aws, region, instanceType)) : { ImageIds: [image] }
  const [newest] = (await describeImages(aws, region, query)).toSorted((a, b) =>
    (b.CreationDate ?? '').localeCompare(a.CreationDate ?? ''),
  )
  if (newest) return newest
  throw new CloudError(
    `AWS ${region} has no image ${image ?? 'of Ubuntu 24.04'} that ${instanceType} can boot.`,
    {
      cloud: 'aws',
      operation: 'DescribeImages',
      code: 'not_found',
      remedy: 'Name an image id of this region.',
    },
  )
}

/**
 * The image that makes a VM of imported snapshots, boot disk first. It exists only until the VM runs (see `releaseImage`).
 * RegisterImage takes no token, but names are unique: the name is derived from it, and one that is taken already is ours.
 */
export async function ensureImage(
  aws: AwsClients,
  request: CreateVm & { boot: { disks: CloudRef[]; firmware: Firmware; architecture: Architecture } },
): Promise<Image> {
  const { region, token, boot } = request
  const { options } = aws.settings
  if (!(await findOwnImage(aws, region, token))) await register(aws, request)
  const image = await waitFor(
    async () => {
      const known = await findOwnImage(aws, region, token)
      return known?.State === 'pending' ? undefined : known
    },
    { forMs: options.consistency_ms, pollMs: options.poll_ms },
  )
  if (image?.State === 'available') return image
  throw new CloudError(
    `AWS ${region} did not make an image of ${boot.disks.map((disk) => disk.id).join(', ')}: it is ${image?.State ?? 'not listed yet'}.`,
    {
      cloud: 'aws',
      operation: 'RegisterImage',
      code: image === undefined ? 'unavailable' : 'cloud_error',
      kind: image === undefined || image.State === 'pending' ? 'retryable' : 'permanent',
      remedy: image?.StateReason?.Message ?? 'It is tried again.',
    },
  )
}

/** Removes the image of `ensureImage` and the snapshots it was made of. Safe to repeat; does nothing to images of others. */
export async function releaseImage(aws: AwsClients, region: string, token: string): Promise<void> {
  const image = await findOwnImage(aws, region, token)
  if (image?.ImageId === undefined) return
  await deregister(aws, { region, id: image.ImageId })
  for (const id of snapshotsOf(image)) await eraseSnapshot(aws, { region, id })
}

export async function deregister(aws: AwsClients, { region, id }: CloudRef): Promise<void> {
  try {
    await aws.ec2(region, 'DeregisterImage', (ec2, http) => ec2.deregisterImage({ ImageId: id }, http))
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

/** To the end; images of one account or one query are few. */
export async function describeImages(
  aws: AwsClients,
  region: string,
  query: DescribeImagesRequest,
): Promise<Image[]> {
  const found: Image[] = []
  const all = pages((token) =>
    aws.ec2(region, 'DescribeImages', (ec2, http) => ec2.describeImages({ ...query, ...token }, http)),
  )
  for await (const { Images = [] } of all) found.push(...Images)
  return found
}

async function findOwnImage(aws: AwsClients, region: string, token: string): Promise<Image | undefined> {
  const [image] = await describeImages(aws, region, {
    Owners: ['self'],
    Filters: [{ Name: 'name', Values: [imageName(token)] }],
  })
  return image
}

async function register(
  aws: AwsClients,
  request: CreateVm & { boot: { disks: CloudRef[]; firmware: Firmware; architecture: Architecture } },
): Promise<void> {
  const { region, token, boot } = request
  try {
    await aws.ec2(region, 'RegisterImage', (ec2, http) =>
      ec2.registerImage(
        {
          Name: imageName(token),
          Description: `Disks of ${request.name} on their way into a VM`,
          Architecture: boot.architecture,
          BootMode: toBootMode(boot.firmware),
          VirtualizationType: 'hvm',
          // Without it the VM gets no network on any type of the Nitro system.
          EnaSupport: true,
          RootDeviceName: deviceName(0),
          BlockDeviceMappings: boot.disks.map((disk, index) => ({
            DeviceName: deviceName(index),
            Ebs: { SnapshotId: disk.id, VolumeType: 'gp3' as const, DeleteOnTermination: true },
          })),
          TagSpecifications: [{ ResourceType: 'image' as const, Tags: intentTags(request, request.name) }],
        },
        http,
      ),
    )
  } catch (error) {
    if (!(error instanceof CloudError && error.vendorCode === 'InvalidAMIName.Duplicate')) throw error
  }
}

const imageName = (token: string): string => `novacron-${token}`

function deviceName(index: number): string {
  const name = [rootDevice, ...dataDevices][index]
  if (name !== undefined) return name
  throw new CloudError('An EC2 image is made of at most 12 disks here.', {
    cloud: 'aws',
    operation: 'RegisterImage',
    code: 'unsupported',
    remedy: 'Move the VM with fewer data disks and attach the others afterwards.',
  })
}

/** Canonical's account and naming: Ubuntu on AWS documentation, "Finding images with the EC2 CLI". */
const ubuntu = (architecture: Architecture): DescribeImagesRequest => ({
  Owners: ['099720109477'],
  Filters: [
    {
      Name: 'name',
      Values: [
        `ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-${architecture === 'arm64' ? 'arm64' : 'amd64'}-server-*`,
      ],
    },
    { Name: 'state', Values: ['available'] },
  ],
})

async function architectureOf(aws: AwsClients, region: string, instanceType: string): Promise<Architecture> {
  const { InstanceTypes = [] } = await aws.ec2(region, 'DescribeInstanceTypes', (ec2, http) =>
    ec2.describeInstanceTypes({ InstanceTypes: [instanceType as _InstanceType] }, http),
  )
  return InstanceTypes.map(toSize)[0]?.architectures[0] ?? 'x86_64'
}
