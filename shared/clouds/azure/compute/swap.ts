import type { VirtualMachine } from '@azure/arm-compute'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { refuseUnlessStopped } from '#shared/clouds/azure/compute/change.ts'
import { findDisk, getVm, vmTarget } from '#shared/clouds/azure/compute/vms.ts'
import { releaseDisk } from '#shared/clouds/azure/disks/disks.ts'
import { vmState } from '#shared/clouds/azure/mapping.ts'
import { canonicalId, type ArmId } from '#shared/clouds/azure/names.ts'
import { isKept } from '#shared/clouds/azure/tags.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudRef, VmDisk } from '#shared/clouds/port.ts'

/**
 * Puts another disk in the place of one. The boot disk is swapped by one update; a data disk is taken off its LUN and the other put there, two
 * calls, the second of which is all that a call after a crash makes.
 */
export async function swapDisk(
  client: AzureClient,
  ref: CloudRef,
  { disk, replacement }: { disk: VmDisk; replacement: CloudRef },
): Promise<void> {
  const target = vmTarget(client, ref)
  const vm = await getVm(client, target)
  const at = placeOf(vm, disk)
  if (at.holds !== undefined && same(at.holds, replacement.id)) return
  if (at.holds !== undefined && !same(at.holds, disk.id)) throw elsewhere(target.name, disk, at.holds)
  refuseUnlessStopped(target.name, vmState(vm), 'given another disk')
  const found = await releaseDisk(client, replacement.id)
  const id = canonicalId(found.id ?? replacement.id)
  if (at.lun === undefined) await swapBootDisk(client, target, vm, { id, name: found.name ?? '' })
  else await swapDataDisk(client, target, { lun: at.lun, holds: at.holds, disk, id })
}

interface Place {
  /** Undefined for the boot disk. */
  lun: number | undefined
  /** Id of the disk that is there now. */
  holds: string | undefined
}

function placeOf({ storageProfile }: VirtualMachine, { device, boot }: VmDisk): Place {
  if (boot) return { lun: undefined, holds: storageProfile?.osDisk?.managedDisk?.id }
  const [, digits] = /^lun(\d+)$/.exec(device) ?? []
  if (digits === undefined) {
    throw new CloudError(`disk.device "${device}" is not a place of a data disk.`, {
      cloud: 'azure',
      operation: 'VirtualMachines_AttachDetachDataDisks',
      code: 'invalid_request',
      kind: 'permanent',
      remedy: 'Give the disk as the VM lists it, e.g. lun0.',
      details: { field: 'disk.device' },
    })
  }
  const lun = Number(digits)
  const there = storageProfile?.dataDisks?.find((each) => each.lun === lun)
  return { lun, holds: there?.managedDisk?.id }
}

async function swapBootDisk(
  client: AzureClient,
  { group, name: vmName }: ArmId,
  { storageProfile }: VirtualMachine,
  { id, name }: { id: string; name: string },
): Promise<void> {
  // How the VM came by its first boot disk stays said, and cannot be changed.
  const createOption = storageProfile?.osDisk?.createOption ?? 'Attach'
  await client.finish('VirtualMachines_Update', (pace) =>
    client.compute.virtualMachines.update(
      group,
      vmName,
      { storageProfile: { osDisk: { name, createOption, managedDisk: { id } } } },
      pace,
    ),
  )
}

async function swapDataDisk(
  client: AzureClient,
  { group, name }: ArmId,
  { lun, holds, disk, id }: { lun: number; holds: string | undefined; disk: VmDisk; id: string },
): Promise<void> {
  const change = (request: Parameters<typeof client.compute.virtualMachines.attachDetachDataDisks>[2]) =>
    client.finish('VirtualMachines_AttachDetachDataDisks', (pace) =>
      client.compute.virtualMachines.attachDetachDataDisks(group, name, request, pace),
    )
  const before = await findDisk(client, disk.id)
  if (holds !== undefined) await change({ dataDisksToDetach: [{ diskId: disk.id }] })
  // It will go with the VM just as the disk before it would have.
  const deleteOption = isKept(before) ? 'Detach' : 'Delete'
  await change({ dataDisksToAttach: [{ diskId: id, lun, deleteOption }] })
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()

const elsewhere = (vm: string, disk: VmDisk, holds: string): CloudError =>
  new CloudError(`The VM ${vm} has ${holds} at ${disk.device}, not ${disk.id}.`, {
    cloud: 'azure',
    operation: 'VirtualMachines_Update',
    code: 'conflict',
    kind: 'permanent',
    remedy: 'Read the VM again and name the disk that is there.',
  })
