import type { Instance, Volume } from '@aws-sdk/client-ec2'
import type { CloudRef, VmDisk } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { needInstance } from '#shared/clouds/aws/compute/power.ts'
import { findVolume } from '#shared/clouds/aws/volumes/describe.ts'
import { waitFor } from '#shared/clouds/aws/waiting.ts'

/**
 * DetachVolume, AttachVolume at the same device. Everything that could refuse the second is looked at before the first, and a call
 * that died in between is gone on with when it is repeated.
 */
export async function swapDisk(
  aws: AwsClients,
  vm: CloudRef,
  { disk, replacement }: { disk: VmDisk; replacement: CloudRef },
): Promise<void> {
  const { region } = vm
  const instance = await needInstance(aws, vm, 'AttachVolume')
  const there = volumeAt(instance, disk.device)
  if (there === replacement.id) return
  await checkSwap(aws, { vm, instance, there, disk, replacement })
  if (there !== undefined) {
    await aws.ec2(region, 'DetachVolume', (ec2, http) =>
      ec2.detachVolume({ VolumeId: there, InstanceId: vm.id, Device: disk.device }, http),
    )
  }
  await untilVolume(aws, { region, id: disk.id }, 'available')
  await aws.ec2(region, 'AttachVolume', (ec2, http) =>
    ec2.attachVolume({ VolumeId: replacement.id, InstanceId: vm.id, Device: disk.device }, http),
  )
  await untilVolume(aws, replacement, 'in-use')
}

async function checkSwap(
  aws: AwsClients,
  {
    vm,
    instance,
    there,
    disk,
    replacement,
  }: { vm: CloudRef; instance: Instance; there: string | undefined; disk: VmDisk; replacement: CloudRef },
): Promise<void> {
  if (instance.State?.Name !== 'stopped') {
    throw refusal(
      `${vm.id} is ${instance.State?.Name ?? 'gone'}, and its disks can be swapped only while it is stopped.`,
    )
  }
  if (there !== undefined && there !== disk.id)
    throw refusal(`${vm.id} has ${there} at ${disk.device}, and not ${disk.id}.`)
  const volume = await findVolume(aws, replacement)
  if (!volume) {
    throw new CloudError(`AWS ${replacement.region} knows no volume ${replacement.id}.`, {
      cloud: 'aws',
      operation: 'AttachVolume',
      code: 'not_found',
      remedy: 'Check the id and the region.',
    })
  }
  if (volume.State !== 'available') throw refusal(`${replacement.id} is ${volume.State}, not available.`)
  if (volume.AvailabilityZone !== instance.Placement?.AvailabilityZone) {
    throw refusal(
      `${replacement.id} is in ${volume.AvailabilityZone}, ${vm.id} in ${instance.Placement?.AvailabilityZone}: they must share a zone.`,
    )
  }
}

const volumeAt = (instance: Instance, device: string): string | undefined =>
  instance.BlockDeviceMappings?.find(({ DeviceName }) => DeviceName === device)?.Ebs?.VolumeId

/** A volume that was deleted meanwhile needs no waiting for. */
async function untilVolume(aws: AwsClients, ref: CloudRef, state: Volume['State']): Promise<void> {
  const settled = await waitFor(
    async () => {
      const volume = await findVolume(aws, ref)
      const attached = volume?.Attachments?.every((each) => each.State === 'attached') ?? true
      return volume === undefined || (volume.State === state && attached) ? true : undefined
    },
    { forMs: attachingMs, pollMs: aws.settings.options.poll_ms },
  )
  if (settled) return
  throw new CloudError(`AWS volume ${ref.id} did not become ${state} in time.`, {
    cloud: 'aws',
    operation: state === 'in-use' ? 'AttachVolume' : 'DetachVolume',
    code: 'timeout',
    kind: 'retryable',
    remedy: 'It is waited for again.',
  })
}

const attachingMs = 2 * 60_000

const refusal = (message: string) =>
  new CloudError(`AWS: ${message}`, {
    cloud: 'aws',
    operation: 'AttachVolume',
    code: 'conflict',
    remedy: 'Stop the VM, and give an unattached volume of its zone.',
  })
