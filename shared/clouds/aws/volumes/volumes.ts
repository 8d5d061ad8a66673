import type { CreateVolumeRequest, Volume } from '@aws-sdk/client-ec2'
import type { CloudRef, CloudVolume, VolumesFacet } from '#shared/clouds/port.ts'
import { CloudError, isNotFound } from '#shared/clouds/errors.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { gibibyte, intentTags } from '#shared/clouds/aws/mapping.ts'
import { createKeyLookup } from '#shared/clouds/aws/posture/keys.ts'
import { attachVolume, detachVolume } from '#shared/clouds/aws/volumes/attachment.ts'
import { describeVolumes, findVolume, toVolume } from '#shared/clouds/aws/volumes/describe.ts'
import { zoneFor } from '#shared/clouds/aws/volumes/zone.ts'
import { bounds, waitFor } from '#shared/clouds/aws/waiting.ts'

/** EBS volumes. */
export function createVolumes(aws: AwsClients): VolumesFacet {
  return {
    async *list({ region }): AsyncGenerator<CloudVolume> {
      const tell = teller(aws, region)
      for await (const each of describeVolumes(aws, region, {})) {
        const volume = await tell(each)
        if (volume) yield volume
      }
    },
    async get(ref) {
      const volume = await findVolume(aws, ref)
      return volume && teller(aws, ref.region)(volume)
    },
    create: (request) => create(aws, request),
    resize: (ref, sizeGib) => resize(aws, ref, sizeGib),
    attach: (ref, vm) => attachVolume(aws, ref, vm),
    detach: (ref) => detachVolume(aws, ref),
    delete: (ref) => deleteVolume(aws, ref),
  }
}

/** Volumes in our terms, which name a key only if it is a customer's. Asks for each key once. */
function teller(aws: AwsClients, region: string): (volume: Volume) => Promise<CloudVolume | undefined> {
  const isCustomers = createKeyLookup(aws, region)
  return async (volume) => {
    const known = toVolume(volume, region)
    if (known?.keyId === undefined) return known
    const { keyId: _, ...withoutKey } = known
    try {
      return (await isCustomers(known.keyId)) ? known : withoutKey
    } catch (error) {
      // Who may not ask for a key cannot tell whose it is: then it is named.
      if (error instanceof CloudError && error.code === 'forbidden') return known
      throw error
    }
  }
}

/** Deletes a volume. Gone already is fine; attached throws `conflict`. */
export async function deleteVolume(aws: AwsClients, { region, id }: CloudRef): Promise<void> {
  try {
    await aws.ec2(region, 'DeleteVolume', (ec2, http) => ec2.deleteVolume({ VolumeId: id }, http))
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

/** CreateVolume with the intent's token: the service itself gives the same volume to the same token. */
async function create(aws: AwsClients, request: Parameters<VolumesFacet['create']>[0]): Promise<CloudRef> {
  const { region, token, sizeGib, snapshot, encryption } = request
  const zone = request.zone ?? (await zoneFor(aws, region, token))
  const { VolumeId: id = '' } = await aws.ec2(region, 'CreateVolume', (ec2, http) =>
    ec2.createVolume(
      {
        AvailabilityZone: zone,
        Size: sizeGib,
        ClientToken: token,
        Encrypted: true,
        ...vendorType(request),
        ...(encryption?.keyId === undefined ? {} : { KmsKeyId: encryption.keyId }),
        ...(snapshot === undefined ? {} : { SnapshotId: snapshot.id }),
        TagSpecifications: [{ ResourceType: 'volume' as const, Tags: intentTags(request, request.name) }],
      },
      http,
    ),
  )
  const ref = { region, id }
  await waitFor(() => findVolume(aws, ref), bounds(aws))
  return ref
}

/**
 * `standard` is throughput-optimised HDD, which begins at 125 GiB, and magnetic below. `premium` is io2 with 10 IOPS per GiB, at least 1000:
 * IOPS are paid for one by one, and more can be had by changing the volume.
 */
function vendorType({
  type,
  sizeGib,
}: Parameters<VolumesFacet['create']>[0]): Pick<CreateVolumeRequest, 'VolumeType' | 'Iops'> {
  if (type === 'ssd') return { VolumeType: 'gp3' }
  if (type === 'standard') return { VolumeType: sizeGib < 125 ? 'standard' : 'st1' }
  return { VolumeType: 'io2', Iops: Math.min(64_000, Math.max(1000, 10 * sizeGib)) }
}

/** ModifyVolume. A change to the same size that is under way already is the one that was asked for. */
async function resize(aws: AwsClients, ref: CloudRef, sizeGib: number): Promise<void> {
  const { region, id } = ref
  const volume = await findVolume(aws, ref)
  const sizeBytes = (volume?.Size ?? 0) * gibibyte
  if (sizeBytes === sizeGib * gibibyte) return
  if (sizeBytes > sizeGib * gibibyte) {
    throw new CloudError(
      `AWS volume ${id} has ${volume?.Size} GiB, and no volume can shrink to ${sizeGib}.`,
      {
        cloud: 'aws',
        operation: 'ModifyVolume',
        code: 'invalid_request',
        remedy: 'Give a larger size, or create a smaller volume and copy what is in use.',
        details: { field: 'size_gib' },
      },
    )
  }
  try {
    await aws.ec2(region, 'ModifyVolume', (ec2, http) =>
      ec2.modifyVolume({ VolumeId: id, Size: sizeGib }, http),
    )
  } catch (error) {
    const busy =
      error instanceof CloudError &&
      ['IncorrectModificationState', 'VolumeModificationRateExceeded'].includes(error.vendorCode ?? '')
    if (busy && (await isBecoming(aws, ref, sizeGib))) return
    throw error
  }
}

async function isBecoming(aws: AwsClients, { region, id }: CloudRef, sizeGib: number): Promise<boolean> {
  const { VolumesModifications = [] } = await aws.ec2(region, 'DescribeVolumesModifications', (ec2, http) =>
    ec2.describeVolumesModifications({ VolumeIds: [id] }, http),
  )
  return VolumesModifications.some(
    ({ TargetSize, ModificationState }) => TargetSize === sizeGib && ModificationState !== 'failed',
  )
}
