import type { DescribeVolumesRequest, Volume } from '@aws-sdk/client-ec2'
import type { CloudRef, CloudVolume, VolumeType } from '#shared/clouds/port.ts'
import { isNotFound } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { gibibyte, present, toTags } from '#shared/clouds/aws/mapping.ts'
import { pages } from '#shared/clouds/aws/paging.ts'

/** The volume as EC2 describes it, or undefined if it is not known (any more, or yet). */
export async function findVolume(aws: AwsClients, { region, id }: CloudRef): Promise<Volume | undefined> {
  try {
    for await (const volume of describeVolumes(aws, region, { VolumeIds: [id] })) return volume
    return undefined
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

export async function* describeVolumes(
  aws: AwsClients,
  region: string,
  query: DescribeVolumesRequest,
): AsyncGenerator<Volume> {
  // EC2 refuses a page size together with ids.
  const size = query.VolumeIds === undefined ? { MaxResults: 500 } : {}
  const all = pages((token) =>
    aws.ec2(region, 'DescribeVolumes', (ec2, http) =>
      ec2.describeVolumes({ ...query, ...size, ...token }, http),
    ),
  )
  for await (const { Volumes = [] } of all) yield* Volumes
}

/** Put on a volume that is attached as a thing of its own, and not as a part of the VM. */
export const outlivesTag = 'novacron-outlives-vm'
export const outlivesVm = ({ Tags }: Volume): boolean => toTags(Tags)[outlivesTag] === 'true'

/** A volume in our terms, or undefined for one that is deleted and only still listed. */
export function toVolume(volume: Volume, region: string): CloudVolume | undefined {
  const tags = toTags(volume.Tags)
  const id = volume.VolumeId ?? ''
  const state = states[volume.State ?? '']
  if (state === 'deleted') return undefined
  const attachment = volume.Attachments?.find(({ State }) => State !== 'detached')
  return {
    region,
    id,
    name: tags['Name'] ?? id,
    sizeBytes: (volume.Size ?? 0) * gibibyte,
    state: state ?? 'error',
    type: volumeTypes[volume.VolumeType ?? ''] ?? 'ssd',
    vendorType: volume.VolumeType ?? '',
    encrypted: volume.Encrypted ?? false,
    tags,
    ...present('zone', volume.AvailabilityZone),
    ...present('keyId', volume.KmsKeyId),
    ...present('vm', attachment?.InstanceId),
    ...present('device', attachment?.Device),
    ...present('createdAt', volume.CreateTime),
  }
}

/** API reference of Volume, `status`. */
const states: Record<string, CloudVolume['state'] | 'deleted'> = {
  creating: 'creating',
  available: 'available',
  'in-use': 'in_use',
  deleting: 'deleting',
  deleted: 'deleted',
  error: 'error',
}

/** EBS User Guide, "Amazon EBS volume types". */
const volumeTypes: Record<string, VolumeType> = {
  standard: 'standard',
  st1: 'standard',
  sc1: 'standard',
  gp2: 'ssd',
  gp3: 'ssd',
  io1: 'premium',
  io2: 'premium',
}
