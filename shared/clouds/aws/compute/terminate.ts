import type { Instance } from '@aws-sdk/client-ec2'
import type { CloudRef } from '#shared/clouds/port.ts'
import { isNotFound } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { releaseImage } from '#shared/clouds/aws/compute/images.ts'
import { findInstance } from '#shared/clouds/aws/compute/instances.ts'
import { toTags, tokenTag } from '#shared/clouds/aws/mapping.ts'
import { describeVolumes, outlivesVm } from '#shared/clouds/aws/volumes/describe.ts'

/**
 * Terminates the instance with its volumes, also those that EC2 would leave behind, but for the ones that were attached as volumes of their own. Takes
 * away the image and the imported snapshots that it may still have from its creation. Elastic IPs are things of their own, too: none is made for a VM.
 */
export async function terminate(aws: AwsClients, ref: CloudRef): Promise<void> {
  const { region, id } = ref
  const instance = await findInstance(aws, ref)
  if (instance === undefined) return
  const state = instance.State?.Name
  if (state !== 'terminated' && state !== 'shutting-down') {
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

/** Sets volumes to go with the instance that by default would not: EC2 keeps what was attached later, and data disks of most launches. */
async function claimVolumes(aws: AwsClients, ref: CloudRef, instance: Instance): Promise<void> {
  const left = (instance.BlockDeviceMappings ?? []).filter((mapping) => !mapping.Ebs?.DeleteOnTermination)
  if (left.length === 0) return
  const kept = await volumesOfTheirOwn(aws, ref)
  const BlockDeviceMappings = left
    .filter(({ DeviceName, Ebs }) => DeviceName === instance.RootDeviceName || !kept.has(Ebs?.VolumeId))
    .map(({ DeviceName }) => ({ DeviceName, Ebs: { DeleteOnTermination: true } }))
  if (BlockDeviceMappings.length === 0) return
  await aws.ec2(ref.region, 'ModifyInstanceAttribute', (ec2, http) =>
    ec2.modifyInstanceAttribute({ InstanceId: ref.id, BlockDeviceMappings }, http),
  )
}

async function volumesOfTheirOwn(
  aws: AwsClients,
  { region, id }: CloudRef,
): Promise<ReadonlySet<string | undefined>> {
  const kept = new Set<string | undefined>()
  const query = { Filters: [{ Name: 'attachment.instance-id', Values: [id] }] }
  for await (const volume of describeVolumes(aws, region, query)) {
    if (outlivesVm(volume)) kept.add(volume.VolumeId)
  }
  return kept
}
