import type { _InstanceType } from '@aws-sdk/client-ec2'
import type { CreateVm } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'

/**
 * Is it worth preparing this VM for hibernation at its launch, the only moment when it can be? EC2 User Guide, "Prerequisites for EC2 instance
 * hibernation": a type that can, an encrypted root volume, less than 150 GiB of memory. Spot instances are interrupted by hibernating then, so they are left out.
 */
export async function canHibernate(aws: AwsClients, request: CreateVm): Promise<boolean> {
  const { region, instanceType, encryption, spot } = request
  if (encryption === undefined || spot !== undefined) return false
  const { InstanceTypes = [] } = await aws.ec2(region, 'DescribeInstanceTypes', (ec2, http) =>
    ec2.describeInstanceTypes({ InstanceTypes: [instanceType as _InstanceType] }, http),
  )
  return InstanceTypes.some(
    ({ HibernationSupported, MemoryInfo }) =>
      HibernationSupported === true && (MemoryInfo?.SizeInMiB ?? Infinity) < 150 * 1024,
  )
}
