import type { Disk } from '@azure/arm-compute'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { vmTarget, vmType } from '#shared/clouds/azure/compute/vms.ts'
import { releaseDisk } from '#shared/clouds/azure/disks/disks.ts'
import { diskTarget, ownPlace } from '#shared/clouds/azure/disks/targets.ts'
import { armId, canonicalId, parseArmId } from '#shared/clouds/azure/names.ts'
import { isKept, keptTag } from '#shared/clouds/azure/tags.ts'
import { CloudError, isNotFound } from '#shared/clouds/errors.ts'
import type { CloudRef } from '#shared/clouds/port.ts'

/** Azure picks a free LUN itself, so that two attachments at the same moment do not take the same. */
export async function attachVolume(client: AzureClient, ref: CloudRef, vm: CloudRef): Promise<void> {
  const to = vmTarget(client, vm)
  const disk = await releaseDisk(client, ref.id)
  if (disk.managedBy) {
    if (canonicalId(disk.managedBy).toLowerCase() === canonicalId(armId(to)).toLowerCase()) return
    throw elsewhere(disk)
  }
  await keep(client, disk)
  const { group, name } = to
  await client.finish('VirtualMachines_AttachDetachDataDisks', (pace) =>
    client.compute.virtualMachines.attachDetachDataDisks(
      group,
      name,
      { dataDisksToAttach: [{ diskId: canonicalId(disk.id ?? ''), deleteOption: 'Detach' }] },
      pace,
    ),
  )
}

export async function detachVolume(client: AzureClient, ref: CloudRef): Promise<void> {
  const { group, name } = diskTarget(client, ref)
  const disk = await client.find('Disks_Get', () => client.compute.disks.get(group, name))
  if (!disk?.managedBy) return
  const vm = parseArmId(disk.managedBy, ownPlace(client, vmType))
  try {
    await client.finish('VirtualMachines_AttachDetachDataDisks', (pace) =>
      client.compute.virtualMachines.attachDetachDataDisks(
        vm.group,
        vm.name,
        { dataDisksToDetach: [{ diskId: canonicalId(disk.id ?? '') }] },
        pace,
      ),
    )
  } catch (error) {
    // The VM went in between, and let go of it.
    if (!isNotFound(error)) throw error
  }
}

/** Marks a disk as one that outlives its VM (see `keptTag`). */
async function keep(client: AzureClient, disk: Disk): Promise<void> {
  if (isKept(disk)) return
  const { group, name } = diskTarget(client, { id: disk.id ?? '' })
  await client.finish('Disks_Update', (pace) =>
    client.compute.disks.update(group, name, { tags: { ...disk.tags, [keptTag]: 'true' } }, pace),
  )
}

const elsewhere = (disk: Disk): CloudError =>
  new CloudError(`The volume ${disk.name} is attached to ${disk.managedBy}.`, {
    cloud: 'azure',
    operation: 'VirtualMachines_AttachDetachDataDisks',
    code: 'conflict',
    kind: 'permanent',
    remedy: 'Detach it there first.',
  })
