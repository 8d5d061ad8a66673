import type { protos } from '@google-cloud/compute'
import { gibibyte } from '#shared/clouds/gcp/compute/mapping.ts'
import { idOf, lastPart, parseLink, regionOfZone } from '#shared/clouds/gcp/names.ts'
import { readKept, tagsOf } from '#shared/clouds/gcp/tags.ts'
import type { CloudVolume, VolumeType } from '#shared/clouds/port.ts'

export type Disk = protos.google.cloud.compute.v1.IDisk

/** https://cloud.google.com/compute/docs/disks: balanced is Google's general-purpose SSD. */
export const typeNames: Readonly<Record<VolumeType, string>> = {
  standard: 'pd-standard',
  ssd: 'pd-balanced',
  premium: 'pd-ssd',
}

/** A disk's region: its zone's, or its own. */
export const diskRegion = ({ zone, region }: Disk): string =>
  zone ? regionOfZone(lastPart(zone)) : lastPart(region)

export const diskId = ({ selfLink, zone, name }: Disk): string =>
  selfLink
    ? idOf(parseLink(selfLink, 'disks'))
    : idOf({ scope: 'zones', place: lastPart(zone), collection: 'disks', name: name ?? '' })

/** A disk as all clouds tell a volume. Google encrypts every disk. */
export function toVolume(disk: Disk): CloudVolume {
  const kept = readKept(disk.description)
  const vendorType = lastPart(disk.type)
  const [user] = disk.users ?? []
  return {
    region: diskRegion(disk),
    id: diskId(disk),
    name: kept.name ?? disk.name ?? '',
    ...(disk.zone ? { zone: lastPart(disk.zone) } : {}),
    sizeBytes: Number(disk.sizeGb ?? 0) * gibibyte,
    state: stateOf(disk),
    type: typeOf(vendorType),
    vendorType,
    encrypted: true,
    ...(disk.diskEncryptionKey?.kmsKeyName ? { keyId: keyName(disk.diskEncryptionKey.kmsKeyName) } : {}),
    ...(user ? { vm: idOf(parseLink(user, 'instances')), device: disk.name ?? '' } : {}),
    tags: tagsOf(disk.labels, kept),
    ...(disk.creationTimestamp ? { createdAt: new Date(disk.creationTimestamp) } : {}),
  }
}

/** The key without the version that encrypted this very thing. */
export const keyName = (kmsKeyName: string): string => kmsKeyName.replace(/\/cryptoKeyVersions\/\d+$/, '')

function stateOf({ status, users }: Disk): CloudVolume['state'] {
  if (status === 'CREATING' || status === 'RESTORING') return 'creating'
  if (status === 'DELETING') return 'deleting'
  if (status === 'FAILED' || status === 'UNAVAILABLE') return 'error'
  return (users ?? []).length > 0 ? 'in_use' : 'available'
}

function typeOf(vendorType: string): VolumeType {
  if (vendorType === 'pd-standard' || vendorType === 'hyperdisk-throughput') return 'standard'
  return vendorType === 'pd-balanced' || vendorType === 'hyperdisk-balanced' ? 'ssd' : 'premium'
}
