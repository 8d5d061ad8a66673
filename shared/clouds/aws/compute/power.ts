import type { Instance } from '@aws-sdk/client-ec2'
import type { CloudRef } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { findInstance } from '#shared/clouds/aws/compute/instances.ts'

/**
 * Hibernates. EC2 can only hibernate what was prepared for it at its launch.
 * @throws CloudError `unsupported` for an instance that was not.
 */
export async function suspend(aws: AwsClients, ref: CloudRef): Promise<void> {
  const instance = await needInstance(aws, ref, 'StopInstances')
  if (instance.HibernationOptions?.Configured !== true) {
    throw new CloudError(`AWS cannot suspend ${ref.id}: it was launched without hibernation.`, {
      cloud: 'aws',
      operation: 'StopInstances',
      code: 'unsupported',
      remedy:
        'Stop it instead. A VM can be suspended if it is created from an image as a type that can hibernate, with encrypted disks, the root disk larger than the image by the VM’s memory.',
      details: { region: ref.region, instanceType: instance.InstanceType },
    })
  }
  await aws.ec2(ref.region, 'StopInstances', (ec2, http) =>
    ec2.stopInstances({ InstanceIds: [ref.id], Hibernate: true }, http),
  )
}

/** Starting a hibernated instance brings back its memory. */
export async function resume(aws: AwsClients, { region, id }: CloudRef): Promise<void> {
  await aws.ec2(region, 'StartInstances', (ec2, http) => ec2.startInstances({ InstanceIds: [id] }, http))
}

/** Changes the instance type. EC2 itself refuses it with `IncorrectInstanceState` unless the instance is stopped. */
export async function resize(aws: AwsClients, ref: CloudRef, instanceType: string): Promise<void> {
  const instance = await needInstance(aws, ref, 'ModifyInstanceAttribute')
  if (instance.InstanceType === instanceType) return
  await aws.ec2(ref.region, 'ModifyInstanceAttribute', (ec2, http) =>
    ec2.modifyInstanceAttribute({ InstanceId: ref.id, InstanceType: { Value: instanceType } }, http),
  )
}

/** The instance, or CloudError `not_found` in the name of the operation that wanted it. */
export async function needInstance(aws: AwsClients, ref: CloudRef, operation: string): Promise<Instance> {
  const instance = await findInstance(aws, ref)
  if (instance) return instance
  throw new CloudError(`AWS ${ref.region} knows no instance ${ref.id}.`, {
    cloud: 'aws',
    operation,
    code: 'not_found',
    remedy: 'Check the id and the region.',
  })
}
