import type { _InstanceType, Image } from '@aws-sdk/client-ec2'
import type { CreateVm } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'

/**
 * Is this VM to be prepared for hibernation at its launch, the only moment when it can be? EC2 User Guide, "Prerequisites for EC2 instance
 * hibernation": a type that can, an encrypted root volume, less than 150 GiB of memory. The memory is written to the root volume, so the wish must
 * have made room for it beyond the image: the guest would find its disk full otherwise. Spot instances would be interrupted by hibernating.
 */
export async function canHibernate(aws: AwsClients, request: CreateVm, image: Image): Promise<boolean> {
  const { region, instanceType, encryption, spot, boot } = request
  const root = image.BlockDeviceMappings?.find(({ DeviceName }) => DeviceName === image.RootDeviceName)
  const roomGib = ('image' in boot ? (boot.diskGib ?? 0) : 0) - (root?.Ebs?.VolumeSize ?? 0)
  if (encryption === undefined || spot !== undefined || roomGib <= 0) return false
  const { InstanceTypes = [] } = await aws.ec2(region, 'DescribeInstanceTypes', (ec2, http) =>
    ec2.describeInstanceTypes({ InstanceTypes: [instanceType as _InstanceType] }, http),
  )
  const [type] = InstanceTypes
  const memoryGib = (type?.MemoryInfo?.SizeInMiB ?? Infinity) / 1024
  return type?.HibernationSupported === true && memoryGib < 150 && memoryGib <= roomGib
}
