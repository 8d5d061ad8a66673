import {
  accepted,
  mostDataDisks,
  sizeNamed,
  type ArmHandler,
  type Context,
} from '#test/clouds/azure/context.ts'
import type { Disk, Vm } from '#test/clouds/azure/estate.ts'
import { newEtag } from '#test/clouds/azure/networks/etag.ts'
import { attachable } from '#test/clouds/azure/compute/vm-disks.ts'
import { findVm, markedForDeletion } from '#test/clouds/azure/compute/vm-power.ts'
import { showVm } from '#test/clouds/azure/compute/vm-view.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'
import { flag, list, object, oneOf, reference, text, whole } from '#test/clouds/azure/schema.ts'

const provider = 'Microsoft.Compute'

const requestBody = object('AttachDetachDataDisksRequest', {
  dataDisksToAttach: list(
    object(
      'DataDisksToAttach',
      {
        diskId: text,
        lun: whole(0, 63),
        caching: oneOf('None', 'ReadOnly', 'ReadWrite'),
        deleteOption: oneOf('Delete', 'Detach'),
        diskEncryptionSet: reference,
        writeAcceleratorEnabled: flag,
      },
      ['diskId'],
    ),
  ),
  dataDisksToDetach: list(
    object('DataDisksToDetach', { diskId: text, detachOption: oneOf('ForceDetach') }, ['diskId']),
  ),
})

interface Given {
  dataDisksToAttach?: { diskId: string; lun?: number; deleteOption?: string }[]
  dataDisksToDetach?: { diskId: string }[]
}

/** Attaches and detaches data disks of a VM, in any power state but hibernation; all is checked before anything is done. */
export const attachDetach: ArmHandler = (context, request) => {
  const vm = findVm(context, request)
  requestBody(request.body, '')
  const { dataDisksToAttach = [], dataDisksToDetach = [] } = request.body as Given
  const phase = vm.life.state()
  if (phase === 'deleting') throw markedForDeletion(vm)
  if (phase === 'hibernated' || phase === 'hibernating') {
    throw new Refusal(
      409,
      'OperationNotAllowed',
      `Operation 'attachDetachDataDisks' is not allowed on VM '${vm.name}' since the VM is hibernated.`,
    )
  }
  const leaving = dataDisksToDetach.map(({ diskId }) => attachedAs(vm, diskId))
  const coming = dataDisksToAttach.map((given) => ({
    ...given,
    disk: arriving(context, vm, given.diskId),
  }))
  const staying = vm.dataDisks.filter((each) => !leaving.includes(each))
  const most = mostDataDisks(sizeNamed(vm.size)?.vcpus ?? 1)
  if (staying.length + coming.length > most) {
    throw new Refusal(
      409,
      'OperationNotAllowed',
      `The maximum number of data disks allowed to be attached to a VM of this size is ${most}.`,
      'dataDisks',
    )
  }
  for (const { lun } of coming) {
    if (lun === undefined || !vm.dataDisks.some((each) => each.lun === lun)) continue
    throw new Refusal(
      409,
      'ConflictingUserInput',
      `A disk is attached to VM '${vm.name}' at LUN ${lun} already.`,
      'lun',
    )
  }

  for (const { id } of leaving) {
    const disk = context.estate.get('disk', id)
    if (disk) context.estate.release(disk, context.clock.now() + context.delays.disk)
  }
  vm.dataDisks = staying
  for (const { disk, lun, deleteOption = 'Detach' } of coming) {
    disk.managedBy = vm.id
    vm.dataDisks.push({
      id: disk.id,
      lun: lun ?? freeLun(vm),
      deleteOption,
      given: { createOption: 'Attach', caching: 'None', toBeDetached: false },
    })
  }
  vm.etag = newEtag()
  return accepted(context, request, {
    provider,
    region: vm.location,
    status: 202,
    afterMs: context.delays.disk,
    result: () => (showVm(context, vm, false)['properties'] as { storageProfile: unknown }).storageProfile,
  })
}

function attachedAs(vm: Vm, diskId: string): Vm['dataDisks'][number] {
  const found = vm.dataDisks.find(({ id }) => id.toLowerCase() === diskId.toLowerCase())
  if (found) return found
  if (vm.osDisk.id.toLowerCase() === diskId.toLowerCase()) {
    throw new Refusal(
      409,
      'OperationNotAllowed',
      `Disk ${diskId} is the OS disk of VM '${vm.name}' and cannot be detached.`,
      'dataDisksToDetach',
    )
  }
  throw new Refusal(
    400,
    'InvalidParameter',
    `Disk ${diskId} is not attached to VM '${vm.name}'.`,
    'dataDisksToDetach',
  )
}

function arriving(context: Context, vm: Vm, diskId: string): Disk {
  const disk = context.estate.get('disk', diskId)
  if (disk?.detachedAtMs !== undefined) {
    throw new Refusal(
      409,
      'AttachDiskWhileBeingDetached',
      `Cannot attach data disk '${disk.name}' to VM '${vm.name}' because the disk is currently being detached or the last detach operation failed. Please wait until the disk is completely detached and then try again or delete/detach the disk explicitly again.`,
    )
  }
  if (disk?.managedBy?.toLowerCase() === vm.id.toLowerCase()) {
    throw new Refusal(
      409,
      'AttachDiskWhileAttached',
      `Disk '${disk.name}' is attached to VM '${vm.name}' already.`,
    )
  }
  const found = attachable(context, diskId, vm.id, vm.location)
  if (found.zones.length > 0 && found.zones.join() !== vm.zones.join()) {
    throw new Refusal(
      400,
      'BadRequest',
      `Disk ${diskId} cannot be attached to the VM because it is not in the same zone as the VM. VM zone: '${vm.zones.join()}'. Disk zone: '${found.zones.join()}'.`,
    )
  }
  return found
}

function freeLun(vm: Vm): number {
  let lun = 0
  while (vm.dataDisks.some((each) => each.lun === lun)) lun += 1
  return lun
}
