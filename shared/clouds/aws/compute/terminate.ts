import type { Instance } from '@aws-sdk/client-ec2'
import type { CloudRef } from '#shared/clouds/port.ts'
import { isNotFound } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { releaseImage } from '#shared/clouds/aws/compute/images.ts'
import { findInstance } from '#shared/clouds/aws/compute/instances.ts'
import { toTags, tokenTag } from '#shared/clouds/aws/mapping.ts'
import { describeAddresses, detachAddress, releaseAddress } from '#shared/clouds/aws/networks/addresses.ts'

/**
 * Terminates the instance with all its volumes, also those that were attached to outlive it, and takes away what came with it: the Elastic IPs
 * that the same job made, the image and the imported snapshots that it may still have from its creation.
 */
export async function terminate(aws: AwsClients, ref: CloudRef): Promise<void> {
  const { region, id } = ref
  const instance = await findInstance(aws, ref)
  if (instance === undefined) return
  const state = instance.State?.Name
  if (state !== 'terminated' && state !== 'shutting-down') {
    // Before the instance: once it is terminated nothing tells any more which address was its own.
    await releaseOwnAddresses(aws, ref, instance)
    await claimVolumes(aws, ref, instance)
    try {
      await aws.ec2(region, 'TerminateInstances', (ec2, http) =>
        ec2.terminateInstances({ InstanceIds: [id] }, http),
      )
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
  const token = toTags(instance.Tags)[tokenTag]
  if (token !== undefined) await releaseImage(aws, region, token)
}

/** Sets volumes that would outlive the instance to go with it. */
async function claimVolumes(aws: AwsClients, { region, id }: CloudRef, instance: Instance): Promise<void> {
  const BlockDeviceMappings = (instance.BlockDeviceMappings ?? [])
    .filter((mapping) => !mapping.Ebs?.DeleteOnTermination)
    .map(({ DeviceName }) => ({ DeviceName, Ebs: { DeleteOnTermination: true } }))
  if (BlockDeviceMappings.length === 0) return
  await aws.ec2(region, 'ModifyInstanceAttribute', (ec2, http) =>
    ec2.modifyInstanceAttribute({ InstanceId: id, BlockDeviceMappings }, http),
  )
}

/** Addresses of another job, or of nobody we know, are only taken off by the termination itself, and kept. */
async function releaseOwnAddresses(
  aws: AwsClients,
  { region, id }: CloudRef,
  instance: Instance,
): Promise<void> {
  const job = toTags(instance.Tags)['novacron-job']
  if (job === undefined) return
  const Filters = [
    { Name: 'instance-id', Values: [id] },
    { Name: 'tag:novacron-job', Values: [job] },
  ]
  for (const address of await describeAddresses(aws, region, { Filters })) {
    if (address.AllocationId === undefined) continue
    await detachAddress(aws, region, address)
    await releaseAddress(aws, { region, id: address.AllocationId })
  }
}
