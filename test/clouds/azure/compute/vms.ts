import { randomUUID } from 'node:crypto'
import { createLifecycle } from '#test/clouds/core/clock.ts'
import {
  accepted,
  fixed,
  groupOf,
  hibernates,
  idOf,
  listOf,
  locationOf,
  type ArmHandler,
  type ArmRequest,
  type Context,
} from '#test/clouds/azure/context.ts'
import type { Vm, VmPhase } from '#test/clouds/azure/estate.ts'
import { checkEtag, newEtag } from '#test/clouds/azure/networks/etag.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import { vmBody, type VmBody } from '#test/clouds/azure/compute/vm-body.ts'
import { attachDisks, imageDisk, type BootDisk } from '#test/clouds/azure/compute/vm-disks.ts'
import { findVm, markedForDeletion, powerOn } from '#test/clouds/azure/compute/vm-power.ts'
import {
  checkAccounts,
  checkQuota,
  checkSize,
  checkWishes,
  takeNics,
} from '#test/clouds/azure/compute/vm-rules.ts'
import { instanceView, showVm, vmType } from '#test/clouds/azure/compute/vm-view.ts'

const provider = 'Microsoft.Compute'

/** All rules are checked before the first effect, so that a refused PUT leaves nothing. */
export const putVm: ArmHandler = async (context, request) => {
  const id = idOf(context, request, vmType)
  vmBody(request.body, '')
  const location = locationOf(request.body)
  const body = request.body as VmBody
  const existing = context.estate.get('vm', id)
  if (existing && existing.life.state() !== 'failed')
    return updateVm(context, request, existing, body, location)

  const { storageProfile, networkProfile } = body.properties
  const size = checkSize(body, location)
  checkQuota(context, location, size, id)
  const nics = takeNics(context, networkProfile.networkInterfaces ?? [], id, location)
  const boot: BootDisk =
    storageProfile.osDisk?.createOption === 'Attach'
      ? attachDisks(context, body, size, id, location)
      : imageDisk(context, request, body, size, id)
  checkAccounts(body, boot.fromImage)
  checkWishes(context, body, size)

  const { osDisk, dataDisks, generation } = existing ?? (await boot.take())
  for (const nic of nics) nic.vmId = id
  const vm: Vm = {
    kind: 'vm',
    id,
    name: request.path['name'] ?? '',
    group: groupOf(context, request),
    location,
    tags: body.tags ?? {},
    createdAt: existing?.createdAt ?? new Date(),
    vmId: existing?.vmId ?? randomUUID(),
    size: size.name,
    zones: body.zones ?? [],
    osDisk,
    dataDisks,
    generation,
    nics: (networkProfile.networkInterfaces ?? []).map(({ id: nicId, properties }, index) => ({
      id: nicId,
      primary: properties?.primary ?? index === 0,
      deleteOption: properties?.deleteOption ?? 'Detach',
    })),
    fixed: fixedParts(body),
    shown: shownParts(body),
    etag: newEtag(),
    hibernationEnabled: body.properties.additionalCapabilities?.hibernationEnabled ?? false,
    extensions: [],
    diagnostics: body.properties.diagnosticsProfile?.bootDiagnostics?.enabled ?? false,
    life: lifeOf(context, id),
  }
  context.estate.add(vm)
  const failure = context.faults.take('VirtualMachines_Allocate')
  if (failure) {
    vm.failure = {
      code: failure.code ?? 'AllocationFailed',
      message:
        'Allocation failed. We do not have sufficient capacity for the requested VM size in this region.',
    }
    vm.life.enter('failing')
  } else {
    await powerOn(context, vm)
  }
  return accepted(context, request, {
    provider,
    region: location,
    status: 201,
    body: showVm(context, vm, false),
    afterMs: context.delays.vmCreate,
    ...(vm.failure ? { error: vm.failure } : {}),
  })
}

export const getVm: ArmHandler = (context, request) => {
  const expand = request.query.get('$expand')
  if (expand !== null && !/^(instanceView|userData)$/i.test(expand)) {
    throw new Refusal(
      400,
      'InvalidParameter',
      `The value '${expand}' of query parameter '$expand' is not allowed.`,
      '$expand',
    )
  }
  return json(200, showVm(context, findVm(context, request), expand?.toLowerCase() === 'instanceview'))
}

export const viewVm: ArmHandler = (context, request) => json(200, instanceView(findVm(context, request)))

export const listVms: ArmHandler = (context, request) => {
  const statuses = request.query.get('statusOnly') === 'true'
  return listOf(context, request, vmType, (group) =>
    context.estate.list('vm', group).map((vm) => () => showVm(context, vm, statuses)),
  )
}

export const deleteVm: ArmHandler = async (context, request) => {
  const vm = context.estate.get('vm', idOf(context, request, vmType))
  if (!vm) return { status: 204 }
  if (vm.life.state() !== 'deleting') {
    vm.life.enter('deleting')
    await context.machines.stop(vm.vmId)
  }
  return accepted(context, request, {
    provider,
    region: vm.location,
    status: 202,
    afterMs: context.delays.vmDelete,
  })
}

/** The states of a VM with time; `initial` other than `creating` is for one that was there before. */
export function lifeOf(context: Context, id: string, initial: VmPhase = 'creating'): Vm['life'] {
  const { delays, clock } = context
  return createLifecycle<VmPhase>({
    clock,
    transitions: {
      creating: { to: 'running', afterMs: delays.vmCreate },
      failing: { to: 'failed', afterMs: delays.vmCreate },
      starting: { to: 'running', afterMs: delays.vmStart },
      restarting: { to: 'running', afterMs: delays.vmStart },
      deallocating: { to: 'deallocated', afterMs: delays.vmStop },
      hibernating: { to: 'hibernated', afterMs: delays.vmStop },
      deleting: { to: 'gone', afterMs: delays.vmDelete },
    },
  }).start(initial, (phase) => {
    if (phase === 'gone') bury(context, id)
  })
}

/** A VM that is gone takes along what says `deleteOption: Delete`, and lets go of the rest. */
function bury(context: Context, id: string): void {
  const { estate } = context
  const vm = estate.get('vm', id)
  if (!vm) return
  estate.drop(id)
  for (const { id: diskId, deleteOption } of [vm.osDisk, ...vm.dataDisks]) {
    const disk = estate.get('disk', diskId)
    if (!disk) continue
    delete disk.managedBy
    if (deleteOption.toLowerCase() === 'delete') disk.life.enter('gone')
  }
  for (const { id: nicId, deleteOption } of vm.nics) {
    const nic = estate.get('nic', nicId)
    if (!nic) continue
    delete nic.vmId
    if (deleteOption.toLowerCase() !== 'delete') continue
    nic.life.enter('gone')
    for (const { addressId, addressDeleteOption } of nic.configurations) {
      if (addressDeleteOption?.toLowerCase() === 'delete')
        estate.get('address', addressId ?? '')?.life.enter('gone')
    }
  }
}

function updateVm(context: Context, request: ArmRequest, vm: Vm, body: VmBody, location: string) {
  checkEtag(request, vm)
  if (vm.life.state() === 'deleting') throw markedForDeletion(vm)
  if (location !== vm.location) throw fixed('location')
  if ((body.zones ?? []).join() !== vm.zones.join()) throw fixed('zones')
  for (const [property, value] of Object.entries(fixedParts(body))) {
    if (JSON.stringify(value) !== JSON.stringify(vm.fixed[property])) throw fixed(property)
  }
  resize(vm, body, location)
  vm.tags = body.tags ?? {}
  return accepted(context, request, {
    provider,
    region: location,
    status: 200,
    body: showVm(context, vm, false),
    afterMs: 0,
  })
}

/** A VM that runs would be restarted elsewhere; here it has to be deallocated first. */
export function resize(vm: Vm, body: Pick<VmBody, 'properties'>, location: string): void {
  const size = checkSize(body, location)
  if (size.name === vm.size) return
  if (vm.life.state() !== 'deallocated') {
    throw new Refusal(
      409,
      'OperationNotAllowed',
      `Unable to resize the VM ${vm.name} while it is not deallocated.`,
    )
  }
  if (vm.hibernationEnabled && !hibernates(size.name)) {
    throw new Refusal(
      409,
      'OperationNotAllowed',
      `The VM size '${size.name}' does not support hibernation, which is enabled for VM '${vm.name}'.`,
    )
  }
  vm.size = size.name
}

const fixedParts = ({
  properties: { storageProfile, osProfile, networkProfile },
}: VmBody): Record<string, unknown> => ({
  imageReference: storageProfile.imageReference,
  'osDisk.managedDisk.id': storageProfile.osDisk?.managedDisk?.id?.toLowerCase(),
  'osDisk.name': storageProfile.osDisk?.name,
  osProfile: osProfile && { ...osProfile, adminPassword: undefined },
  networkInterfaces: (networkProfile.networkInterfaces ?? []).map(({ id }) => id.toLowerCase()),
})

function shownParts({ properties }: VmBody): Record<string, unknown> {
  const { adminPassword: _, customData: __, ...osProfile } = properties.osProfile ?? {}
  return {
    ...(properties.osProfile
      ? { osProfile: { ...osProfile, secrets: [], allowExtensionOperations: true } }
      : {}),
    diagnosticsProfile: properties.diagnosticsProfile,
    imageReference: properties.storageProfile.imageReference,
    priority: properties.priority,
    evictionPolicy: properties.evictionPolicy,
    billingProfile: properties.billingProfile,
    proximityPlacementGroup: properties.proximityPlacementGroup,
  }
}
