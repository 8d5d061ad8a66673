import type { protos } from '@google-cloud/compute'
import type { Architecture, CloudVm, Firmware, VmDisk, VmState } from '#shared/clouds/port.ts'
import { idOf, lastPart, parseLink, regionOfZone } from '#shared/clouds/gcp/names.ts'
import { metadataKey, readKept, tagsOf, type Kept } from '#shared/clouds/gcp/tags.ts'

export type Instance = protos.google.cloud.compute.v1.IInstance
export type AttachedDisk = protos.google.cloud.compute.v1.IAttachedDisk

export const gibibyte = 2 ** 30

/** A VM as all clouds tell it. https://cloud.google.com/compute/docs/reference/rest/v1/instances */
export function toVm(instance: Instance): CloudVm {
  const zone = lastPart(instance.zone)
  const kept = keptOf(instance)
  const nic = instance.networkInterfaces?.[0]
  const publicIp = nic?.accessConfigs?.find(({ natIP }) => natIP)?.natIP
  const disks = [...(instance.disks ?? [])].toSorted((a, b) => Number(b.boot) - Number(a.boot))
  const [boot] = disks
  const placementGroup = lastPart(instance.resourcePolicies?.[0])
  return {
    region: regionOfZone(zone),
    id: vmId(zone, instance.name ?? ''),
    name: kept.name ?? instance.name ?? '',
    state: stateOf(instance.status),
    zone,
    instanceType: lastPart(instance.machineType),
    architecture: architectureOf(boot?.architecture, lastPart(instance.machineType)),
    ...(boot === undefined ? {} : { firmware: firmwareOf(boot.guestOsFeatures) }),
    ...(publicIp ? { publicIp } : {}),
    ...(nic?.networkIP ? { privateIp: nic.networkIP } : {}),
    securityGroups: (instance.tags?.items ?? []).map((tag) => `${lastPart(nic?.network)}/${tag}`),
    ...(nic?.subnetwork ? { subnet: idOf(parseLink(nic.subnetwork, 'subnetworks')) } : {}),
    spot: instance.scheduling?.provisioningModel === 'SPOT' || instance.scheduling?.preemptible === true,
    tenancy: (instance.scheduling?.nodeAffinities ?? []).length > 0 ? 'dedicated' : 'shared',
    ...(placementGroup === '' ? {} : { placementGroup }),
    detailedMonitoring: true,
    tags: tagsOf(instance.labels, kept),
    disks: disks.map(toVmDisk),
    ...(instance.creationTimestamp ? { createdAt: new Date(instance.creationTimestamp) } : {}),
  }
}

export const vmId = (zone: string, name: string): string =>
  idOf({ scope: 'zones', place: zone, collection: 'instances', name })

export function toVmDisk(disk: AttachedDisk): VmDisk {
  return {
    id: disk.source ? idOf(parseLink(disk.source, 'disks')) : '',
    sizeBytes: Number(disk.diskSizeGb ?? 0) * gibibyte,
    boot: disk.boot === true,
    device: disk.deviceName ?? '',
  }
}

/** What we keep in a VM's metadata. */
export const keptOf = ({ metadata }: Instance): Kept =>
  readKept(metadata?.items?.find(({ key }) => key === metadataKey)?.value)

/** `ARM64`, `X86_64`, or, where the disk says nothing, by the machine series. */
export const architectureOf = (said: string | null | undefined, machineType: string): Architecture => {
  if (said === 'ARM64') return 'arm64'
  if (said === 'X86_64') return 'x86_64'
  return /^(t2a|c4a|n4a|a4x)-/.test(machineType) ? 'arm64' : 'x86_64'
}

export const firmwareOf = (
  features: readonly protos.google.cloud.compute.v1.IGuestOsFeature[] | null | undefined,
): Firmware => (features?.some(({ type }) => type === 'UEFI_COMPATIBLE') ? 'uefi' : 'bios')

/** https://cloud.google.com/compute/docs/instances/instance-lifecycle. A deleted VM is stopping and then gone. */
function stateOf(status: string | null | undefined): VmState {
  return states[status ?? ''] ?? 'error'
}

const states: Readonly<Record<string, VmState>> = {
  PENDING: 'pending',
  PROVISIONING: 'pending',
  STAGING: 'pending',
  RUNNING: 'running',
  REPAIRING: 'pending',
  PENDING_STOP: 'stopping',
  STOPPING: 'stopping',
  SUSPENDING: 'stopping',
  SUSPENDED: 'suspended',
  TERMINATED: 'stopped',
  STOPPED: 'stopped',
  DEPROVISIONING: 'terminating',
}
