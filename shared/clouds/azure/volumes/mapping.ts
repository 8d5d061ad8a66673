import type { Disk } from '@azure/arm-compute'
import { sizeOfDisk, sizeTag } from '#shared/clouds/azure/disks/targets.ts'
import { canonicalId } from '#shared/clouds/azure/names.ts'
import { keptTag, shownName } from '#shared/clouds/azure/tags.ts'
import type { CloudVolume, VolumeType } from '#shared/clouds/port.ts'

/** Azure's kind of disk for one of ours; kept in one zone, like a VM. */
export const skuOf = (type: VolumeType): string =>
  ({ standard: 'Standard_LRS', ssd: 'StandardSSD_LRS', premium: 'Premium_LRS' })[type]

/** A managed disk as a volume. `device`: where its VM has it. */
export function toVolume(disk: Disk, device: string | undefined): CloudVolume {
  const { [sizeTag]: _, [keptTag]: __, ...tags } = disk.tags ?? {}
  const vendorType = disk.sku?.name ?? ''
  const keyId = disk.encryption?.diskEncryptionSetId
  return {
    region: disk.location,
    id: canonicalId(disk.id ?? ''),
    name: shownName(disk),
    sizeBytes: sizeOfDisk(disk),
    state: stateOf(disk),
    type: typeOf(vendorType),
    vendorType,
    // Azure encrypts every disk; the question is only with whose key.
    encrypted: true,
    tags,
    ...(disk.zones?.[0] === undefined ? {} : { zone: disk.zones[0] }),
    ...(keyId === undefined ? {} : { keyId: canonicalId(keyId) }),
    ...(disk.managedBy ? { vm: canonicalId(disk.managedBy) } : {}),
    ...(device === undefined ? {} : { device }),
    ...(disk.timeCreated === undefined ? {} : { createdAt: disk.timeCreated }),
  }
}

function stateOf({ provisioningState, diskState = '' }: Disk): CloudVolume['state'] {
  if (provisioningState === 'Deleting') return 'deleting'
  if (provisioningState === 'Failed' || provisioningState === 'Canceled') return 'error'
  if (provisioningState === 'Creating' || diskState.endsWith('Upload')) return 'creating'
  return /^(Attached|Reserved|Frozen|ActiveSASFrozen)$/.test(diskState) ? 'in_use' : 'available'
}

function typeOf(sku: string): VolumeType {
  if (sku.startsWith('Standard_')) return 'standard'
  return sku.startsWith('StandardSSD_') ? 'ssd' : 'premium'
}
