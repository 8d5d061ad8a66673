import type { CloudRef } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { findInstance } from '#shared/clouds/aws/compute/instances.ts'
import { dataDevices } from '#shared/clouds/aws/devices.ts'
import { findVolume, outlivesTag, outlivesVm } from '#shared/clouds/aws/volumes/describe.ts'
import { onceKnown } from '#shared/clouds/aws/waiting.ts'

/** Attaches at the first free device name. There already is fine; elsewhere is a `conflict`. */
export async function attachVolume(aws: AwsClients, ref: CloudRef, vm: CloudRef): Promise<void> {
  const volume = await findVolume(aws, ref)
  const at = volume?.Attachments?.find(({ State }) => State !== 'detached')
  if (at?.InstanceId === vm.id) return
  const instance = await findInstance(aws, vm)
  const taken = new Set((instance?.BlockDeviceMappings ?? []).map(({ DeviceName }) => DeviceName))
  const Device = dataDevices.find((name) => !taken.has(name))
  if (Device === undefined) {
    throw new CloudError(`${vm.id} has ${taken.size} disks, and no device name is left.`, {
      cloud: 'aws',
      operation: 'AttachVolume',
      code: 'conflict',
      kind: 'permanent',
      remedy: 'Detach a volume that is no longer needed.',
    })
  }
  // Before attaching: from then on a deletion of the VM must know that this one stays.
  if (volume && !outlivesVm(volume)) {
    await aws.ec2(ref.region, 'CreateTags', (ec2, http) =>
      ec2.createTags({ Resources: [ref.id], Tags: [{ Key: outlivesTag, Value: 'true' }] }, http),
    )
  }
  // A volume attached elsewhere, or in another zone, is refused by EC2 itself.
  await onceKnown(aws, () =>
    aws.ec2(ref.region, 'AttachVolume', (ec2, http) =>
      ec2.attachVolume({ VolumeId: ref.id, InstanceId: vm.id, Device }, http),
    ),
  ).catch(async (error: unknown) => {
    // The first call was made, and its reply lost.
    const now = await findVolume(aws, ref)
    if (!now?.Attachments?.some(({ InstanceId, State }) => InstanceId === vm.id && State !== 'detached'))
      throw error
  })
}

export async function detachVolume(aws: AwsClients, ref: CloudRef): Promise<void> {
  const volume = await findVolume(aws, ref)
  const at = volume?.Attachments?.find(({ State }) => State === 'attached' || State === 'attaching')
  if (at === undefined) return
  try {
    await aws.ec2(ref.region, 'DetachVolume', (ec2, http) => ec2.detachVolume({ VolumeId: ref.id }, http))
  } catch (error) {
    // Since we looked it was detached.
    const free =
      error instanceof CloudError &&
      error.vendorCode === 'IncorrectState' &&
      (await findVolume(aws, ref))?.State === 'available'
    if (!free) throw error
  }
}
