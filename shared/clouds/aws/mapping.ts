import type { Image, Instance, InstanceTypeInfo, Snapshot, Tag } from '@aws-sdk/client-ec2'
import type {
  Architecture,
  CloudSnapshot,
  CloudVm,
  CreationState,
  Firmware,
  InstanceSize,
  OwnerTags,
  VmDisk,
  VmState,
} from '#shared/clouds/port.ts'

/** The tag that carries the intent's idempotency token, for what EC2 itself takes no token for. */
export const tokenTag = 'novacron-token'

export const gibibyte = 2 ** 30
export const toGib = (sizeBytes: number): number => Math.max(1, Math.ceil(sizeBytes / gibibyte))

/** The instance as a VM. `volumeSizes` gives the size in bytes by volume id. */
export function toVm(instance: Instance, region: string, volumeSizes: ReadonlyMap<string, number>): CloudVm {
  const tags = toTags(instance.Tags)
  return {
    region,
    id: instance.InstanceId ?? '',
    name: tags['Name'] ?? instance.InstanceId ?? '',
    state: toVmState(instance),
    instanceType: instance.InstanceType ?? '',
    architecture: toArchitecture(instance.Architecture) ?? 'x86_64',
    securityGroups: (instance.SecurityGroups ?? []).flatMap((group) => group.GroupId ?? []),
    tags,
    disks: toDisks(instance, volumeSizes),
    ...present('zone', instance.Placement?.AvailabilityZone),
    ...present('firmware', toFirmware(instance.CurrentInstanceBootMode)),
    ...present('publicIp', instance.PublicIpAddress),
    ...present('privateIp', instance.PrivateIpAddress),
    ...present('imageId', instance.ImageId),
    ...present('keyPair', instance.KeyName),
    ...present('subnet', instance.SubnetId),
    spot: instance.InstanceLifecycle === 'spot',
    tenancy: ['dedicated', 'host'].includes(instance.Placement?.Tenancy ?? '') ? 'dedicated' : 'shared',
    ...present('placementGroup', instance.Placement?.GroupName || undefined),
    detailedMonitoring: ['enabled', 'pending'].includes(instance.Monitoring?.State ?? ''),
    ...present('createdAt', createdAt(instance)),
  }
}

export const toSize = (info: InstanceTypeInfo): InstanceSize => ({
  name: info.InstanceType ?? '',
  vcpus: info.VCpuInfo?.DefaultVCpus ?? 0,
  memoryMib: info.MemoryInfo?.SizeInMiB ?? 0,
  architectures: (info.ProcessorInfo?.SupportedArchitectures ?? []).flatMap(
    (name) => toArchitecture(name) ?? [],
  ),
  firmwares: (info.SupportedBootModes ?? []).flatMap((mode) => toFirmware(mode) ?? []),
  burstable: info.BurstablePerformanceSupported ?? false,
  gpus: (info.GpuInfo?.Gpus ?? []).reduce((sum, gpu) => sum + (gpu.Count ?? 0), 0),
})

export const toCreationState = (snapshot: Snapshot): CreationState =>
  snapshot.State === 'completed' ? 'ready' : snapshot.State === 'error' ? 'failed' : 'pending'

export function toSnapshot(snapshot: Snapshot, region: string): CloudSnapshot {
  const tags = toTags(snapshot.Tags)
  const id = snapshot.SnapshotId ?? ''
  return {
    region,
    id,
    name: tags['Name'] ?? (snapshot.Description || id),
    state: toCreationState(snapshot),
    sizeBytes: (snapshot.VolumeSize ?? 0) * gibibyte,
    encrypted: snapshot.Encrypted ?? false,
    tags,
    // What EC2 says of a snapshot that was made of no volume.
    ...present('disk', snapshot.VolumeId === 'vol-ffffffff' ? undefined : snapshot.VolumeId),
    ...present('createdAt', snapshot.StartTime),
  }
}

export const toTags = (tags: readonly Tag[] | undefined): Record<string, string> =>
  Object.fromEntries((tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value]))

export const fromTags = (tags: Readonly<Record<string, string>>): { Key: string; Value: string }[] =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))

/** Owner tags, the token and, where given, the name that EC2 consoles show. */
export const intentTags = ({ tags, token }: { tags: OwnerTags; token: string }, name?: string) =>
  fromTags({ ...tags, [tokenTag]: token, ...present('Name', name) }).filter(
    // Set by AWS alone, and refused from others: they come with the tags of a VM that is moved.
    ({ Key }) => !/^aws:/i.test(Key),
  )

export const tagFilters = (tags: Readonly<Record<string, string>>): { Name: string; Values: string[] }[] =>
  Object.entries(tags).map(([key, value]) => ({ Name: `tag:${key}`, Values: [literal(value)] }))

export const toBootMode = (firmware: Firmware): 'uefi' | 'legacy-bios' =>
  firmware === 'uefi' ? 'uefi' : 'legacy-bios'

/** Snapshots that an image is made of. */
export const snapshotsOf = (image: Image): string[] =>
  (image.BlockDeviceMappings ?? []).flatMap((mapping) => mapping.Ebs?.SnapshotId ?? [])

/** A hibernated instance is a stopped one that remembers why: API reference of StateReason. */
const toVmState = ({ State, StateReason }: Instance): VmState =>
  State?.Name === 'stopped' && StateReason?.Code === 'Client.UserInitiatedHibernate'
    ? 'suspended'
    : (vmStates[State?.Name ?? ''] ?? 'error')

/** EC2 state names: API reference of InstanceState. */
const vmStates: Record<string, VmState> = {
  pending: 'pending',
  running: 'running',
  stopping: 'stopping',
  stopped: 'stopped',
  'shutting-down': 'terminating',
  terminated: 'terminated',
}

/** `x86_64_mac` and `arm64_mac` are bare Macs that nothing can be moved to; `i386` cannot boot what we move. */
const toArchitecture = (name: string | undefined): Architecture | undefined =>
  name === 'x86_64' || name === 'arm64' ? name : undefined

const toFirmware = (mode: string | undefined): Firmware | undefined =>
  mode === 'uefi' ? 'uefi' : mode === 'legacy-bios' ? 'bios' : undefined

function toDisks(instance: Instance, volumeSizes: ReadonlyMap<string, number>): VmDisk[] {
  const disks = (instance.BlockDeviceMappings ?? []).flatMap(({ DeviceName = '', Ebs }) =>
    Ebs?.VolumeId === undefined
      ? []
      : [
          {
            id: Ebs.VolumeId,
            sizeBytes: volumeSizes.get(Ebs.VolumeId) ?? 0,
            boot: DeviceName === instance.RootDeviceName,
            device: DeviceName,
          },
        ],
  )
  return disks.toSorted((a, b) => Number(b.boot) - Number(a.boot) || (a.device < b.device ? -1 : 1))
}

/** `LaunchTime` is that of the last start; the boot volume was attached when the instance was made. */
function createdAt(instance: Instance): Date | undefined {
  const root = instance.BlockDeviceMappings?.find((mapping) => mapping.DeviceName === instance.RootDeviceName)
  return root?.Ebs?.AttachTime ?? instance.LaunchTime
}

/** A value for a filter that means itself. In a filter `*` and `?` are wildcards and the backslash escapes them. */
export const literal = (value: string): string => value.replace(/[\\*?]/g, String.raw`\$&`)

/** The property if there is a value, else nothing: for optional fields. */
export function present<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V })
}
