import { accepted, fixed, hibernates, type ArmHandler, type Context } from '#test/clouds/azure/context.ts'
import type { Vm } from '#test/clouds/azure/estate.ts'
import { vmUpdate, type DiskReference, type VmBody } from '#test/clouds/azure/compute/vm-body.ts'
import { attachable } from '#test/clouds/azure/compute/vm-disks.ts'
import { findVm, markedForDeletion } from '#test/clouds/azure/compute/vm-power.ts'
import { showVm } from '#test/clouds/azure/compute/vm-view.ts'
import { resize } from '#test/clouds/azure/compute/vms.ts'
import { checkEtag, newEtag } from '#test/clouds/azure/networks/etag.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'

type Change = Partial<VmBody['properties']>

/** PATCH: tags, size, hibernation, the boot disk, and what becomes of disks and interfaces when the VM is deleted. */
export const patchVm: ArmHandler = (context, request) => {
  const vm = findVm(context, request)
  vmUpdate(request.body, '')
  checkEtag(request, vm)
  if (vm.life.state() === 'deleting') throw markedForDeletion(vm)
  const { tags, properties = {} } = request.body as { tags?: Vm['tags']; properties?: Change }
  if (properties.hardwareProfile)
    resize(
      vm,
      { properties: { ...properties, hardwareProfile: properties.hardwareProfile } as VmBody['properties'] },
      vm.location,
    )
  enableHibernation(vm, properties)
  changeBootDisk(context, vm, properties.storageProfile?.osDisk)
  changeDataDisks(context, vm, properties)
  for (const { id, properties: given } of properties.networkProfile?.networkInterfaces ?? []) {
    const nic = vm.nics.find((each) => each.id.toLowerCase() === id.toLowerCase())
    if (!nic) throw fixed('networkProfile.networkInterfaces')
    nic.deleteOption = given?.deleteOption ?? nic.deleteOption
  }
  vm.tags = tags ?? vm.tags
  vm.etag = newEtag()
  return accepted(context, request, {
    provider: 'Microsoft.Compute',
    region: vm.location,
    status: 200,
    body: showVm(context, vm, false),
    afterMs: 0,
  })
}

function enableHibernation(vm: Vm, { additionalCapabilities }: Change): void {
  const wanted = additionalCapabilities?.hibernationEnabled
  if (wanted === undefined || wanted === vm.hibernationEnabled) return
  if (vm.life.state() !== 'deallocated' || (wanted && !hibernates(vm.size))) {
    throw new Refusal(
      409,
      'OperationNotAllowed',
      `Hibernation of VM '${vm.name}' can be changed only while it is deallocated, and if its size supports it.`,
    )
  }
  vm.hibernationEnabled = wanted
}

function changeBootDisk(context: Context, vm: Vm, given: DiskReference | undefined): void {
  if (!given) return
  if (given.createOption !== vm.osDisk.given['createOption']) throw fixed('osDisk.createOption')
  vm.osDisk.deleteOption = given.deleteOption ?? vm.osDisk.deleteOption
  const id = given.managedDisk?.id
  if (id === undefined || id.toLowerCase() === vm.osDisk.id.toLowerCase()) return
  if (vm.life.state() !== 'deallocated') {
    throw new Refusal(
      409,
      'OperationNotAllowed',
      `Swapping OS Disk is not allowed since VM '${vm.name}' is not deallocated.`,
    )
  }
  const disk = attachable(context, id, vm.id, vm.location)
  if (disk.managedBy !== undefined)
    throw new Refusal(
      409,
      'ConflictingUserInput',
      `Disk '${disk.name}' is attached to VM '${vm.name}' already.`,
    )
  if (given.name !== disk.name) {
    throw new Refusal(
      400,
      'InvalidParameter',
      `The disk name '${given.name}' does not match the name of the disk '${disk.name}'.`,
      'osDisk.name',
    )
  }
  if (disk.generation !== vm.generation) {
    throw new Refusal(
      400,
      'BadRequest',
      `Swapping OS Disk is not allowed between Hypervisor Generations '${vm.generation}' and '${disk.generation}'.`,
    )
  }
  const before = context.estate.get('disk', vm.osDisk.id)
  if (before) delete before.managedBy
  disk.managedBy = vm.id
  vm.osDisk = { ...vm.osDisk, id: disk.id }
}

/** The list is the whole list: a disk that it leaves out is detached. */
function changeDataDisks(context: Context, vm: Vm, { storageProfile }: Change): void {
  const given = storageProfile?.dataDisks
  if (given === undefined) return
  for (const { lun, deleteOption, managedDisk } of given) {
    const disk = vm.dataDisks.find((each) => each.lun === lun)
    if (!disk) throw new Refusal(400, 'InvalidParameter', `There is no data disk at LUN ${lun}.`, 'dataDisks')
    if (managedDisk?.id !== undefined && managedDisk.id.toLowerCase() !== disk.id.toLowerCase())
      throw fixed('dataDisk.managedDisk.id')
    disk.deleteOption = deleteOption ?? disk.deleteOption
  }
  for (const { id, lun } of vm.dataDisks) {
    if (given.some((each) => each.lun === lun)) continue
    const disk = context.estate.get('disk', id)
    if (disk) context.estate.release(disk, context.clock.now() + context.delays.disk)
  }
  vm.dataDisks = vm.dataDisks.filter(({ lun }) => given.some((each) => each.lun === lun))
}
