import { randomUUID } from 'node:crypto'
import { createLifecycle } from '#test/clouds/core/clock.ts'
import {
  accepted,
  fixed,
  groupOf,
  idOf,
  locationOf,
  notFound,
  page,
  sizeNamed,
  type ArmHandler,
  type ArmRequest,
  type Context,
} from '#test/clouds/azure/context.ts'
import { provisioningState, type Vm, type VmPhase } from '#test/clouds/azure/estate.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import { attachDisks, imageDisk, type BootDisk } from '#test/clouds/azure/vm-disks.ts'
import { checkAccounts, checkQuota, checkSize, takeNics } from '#test/clouds/azure/vm-rules.ts'
import { vmBody, vmUpdate, type VmBody } from '#test/clouds/azure/vm-body.ts'

export const vmType = 'Microsoft.Compute/virtualMachines'
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

function lifeOf(context: Context, id: string): Vm['life'] {
  const { delays, clock } = context
  return createLifecycle<VmPhase>({
    clock,
    transitions: {
      creating: { to: 'running', afterMs: delays.vmCreate },
      failing: { to: 'failed', afterMs: delays.vmCreate },
      starting: { to: 'running', afterMs: delays.vmStart },
      restarting: { to: 'running', afterMs: delays.vmStart },
      deallocating: { to: 'deallocated', afterMs: delays.vmStop },
      deleting: { to: 'gone', afterMs: delays.vmDelete },
    },
  }).start('creating', (phase) => {
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
  if (vm.life.state() === 'deleting') throw markedForDeletion(vm)
  if (location !== vm.location) throw fixed('location')
  if ((body.zones ?? []).join() !== vm.zones.join()) throw fixed('zones')
  for (const [property, value] of Object.entries(fixedParts(body))) {
    if (JSON.stringify(value) !== JSON.stringify(vm.fixed[property])) throw fixed(property)
  }
  if (
    body.properties.hardwareProfile.vmSize.toLowerCase() !== vm.size.toLowerCase() &&
    vm.life.state() !== 'deallocated'
  ) {
    throw new Refusal(
      409,
      'OperationNotAllowed',
      `Unable to resize the VM ${vm.name} while it is not deallocated.`,
    )
  }
  vm.size = checkSize(body, location).name
  vm.tags = body.tags ?? {}
  return accepted(context, request, {
    provider,
    region: location,
    status: 200,
    body: showVm(context, vm, false),
    afterMs: 0,
  })
}

/** PATCH: tags, and what becomes of disks and interfaces when the VM is deleted. */
export const patchVm: ArmHandler = (context, request) => {
  const vm = findVm(context, request)
  vmUpdate(request.body, '')
  if (vm.life.state() === 'deleting') throw markedForDeletion(vm)
  const { tags, properties } = request.body as {
    tags?: Vm['tags']
    properties?: Partial<VmBody['properties']>
  }
  vm.tags = tags ?? vm.tags
  vm.osDisk.deleteOption = properties?.storageProfile?.osDisk?.deleteOption ?? vm.osDisk.deleteOption
  for (const { lun, deleteOption } of properties?.storageProfile?.dataDisks ?? []) {
    const disk = vm.dataDisks.find((each) => each.lun === lun)
    if (!disk) throw new Refusal(400, 'InvalidParameter', `There is no data disk at LUN ${lun}.`, 'dataDisks')
    disk.deleteOption = deleteOption ?? disk.deleteOption
  }
  for (const { id, properties: given } of properties?.networkProfile?.networkInterfaces ?? []) {
    const nic = vm.nics.find((each) => each.id.toLowerCase() === id.toLowerCase())
    if (!nic) throw fixed('networkProfile.networkInterfaces')
    nic.deleteOption = given?.deleteOption ?? nic.deleteOption
  }
  return accepted(context, request, {
    provider,
    region: vm.location,
    status: 200,
    body: showVm(context, vm, false),
    afterMs: 0,
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
  const group = request.path['group'] === undefined ? undefined : groupOf(context, request)
  const scope = group === undefined ? '' : `/resourceGroups/${group}`
  const statuses = request.query.get('statusOnly') === 'true'
  const items = context.estate.list('vm', group).map((vm) => showVm(context, vm, statuses))
  return page(context, request, `/subscriptions/${context.subscription}${scope}/providers/${vmType}`, items)
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

export const startVm: ArmHandler = async (context, request) => {
  const vm = findVm(context, request)
  const phase = vm.life.state()
  refusePowerChange(vm, phase, 'start', ['running', 'starting', 'deallocated'])
  if (phase === 'deallocated') {
    const size = sizeNamed(vm.size)
    if (size) checkQuota(context, vm.location, size, vm.id)
    vm.life.enter('starting')
    await powerOn(context, vm)
  }
  return accepted(context, request, {
    provider,
    region: vm.location,
    status: 202,
    afterMs: context.delays.vmStart,
  })
}

export const deallocateVm: ArmHandler = async (context, request) => {
  const vm = findVm(context, request)
  const phase = vm.life.state()
  refusePowerChange(vm, phase, 'deallocate', [
    'running',
    'starting',
    'restarting',
    'deallocating',
    'deallocated',
  ])
  if (phase !== 'deallocated' && phase !== 'deallocating') {
    vm.life.enter('deallocating')
    await context.machines.stop(vm.vmId)
  }
  return accepted(context, request, {
    provider,
    region: vm.location,
    status: 202,
    afterMs: context.delays.vmStop,
  })
}

export const restartVm: ArmHandler = async (context, request) => {
  const vm = findVm(context, request)
  refusePowerChange(vm, vm.life.state(), 'restart', ['running', 'restarting'])
  vm.life.enter('restarting')
  await context.machines.stop(vm.vmId)
  await powerOn(context, vm)
  return accepted(context, request, {
    provider,
    region: vm.location,
    status: 202,
    afterMs: context.delays.vmStart,
  })
}

export const bootDiagnostics: ArmHandler = (context, request) => {
  const vm = findVm(context, request)
  if (!vm.diagnostics)
    throw new Refusal(409, 'BootDiagnosticsNotEnabled', `Boot diagnostics is not enabled for VM ${vm.name}.`)
  const minutes = Number(request.query.get('sasUriExpirationTimeInMinutes') ?? 120)
  const blob = (name: string) =>
    context.signatures.grant(`/bootdiag/${vm.vmId}/${name}`, 'Read', minutes * 60).url
  return json(200, {
    consoleScreenshotBlobUri: blob('screenshot.bmp'),
    serialConsoleLogBlobUri: blob('serialconsole.log'),
  })
}

function findVm(context: Context, request: ArmRequest): Vm {
  const vm = context.estate.get('vm', idOf(context, request, vmType))
  if (vm) return vm
  throw notFound(request, vmType)
}

async function powerOn({ estate, store, machines }: Context, vm: Vm): Promise<void> {
  const diskPaths = [vm.osDisk.id, ...vm.dataDisks.map(({ id }) => id)].flatMap((id) => {
    const disk = estate.get('disk', id)
    return disk ? [store.path(disk.storeId)] : []
  })
  await machines.start(vm.vmId, { diskPaths, memoryMib: (sizeNamed(vm.size)?.memoryGb ?? 1) * 1024 })
}

function refusePowerChange(vm: Vm, phase: VmPhase, what: string, from: VmPhase[]): void {
  if (from.includes(phase)) return
  if (phase === 'deleting') throw markedForDeletion(vm)
  throw new Refusal(
    409,
    'OperationNotAllowed',
    `Operation '${what}' is not allowed on VM '${vm.name}' since the VM is ${phase}.`,
  )
}

const markedForDeletion = (vm: Vm): Refusal =>
  new Refusal(
    409,
    'OperationNotAllowed',
    `Operation is not allowed on VM '${vm.name}' since the VM is marked for deletion. You can only retry the Delete operation (or wait for an ongoing one to complete).`,
  )

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
  }
}

function showVm(context: Context, vm: Vm, withView: boolean): Record<string, unknown> {
  const { imageReference, ...shown } = vm.shown
  const sizeGb = (id: string) => Math.ceil((context.estate.get('disk', id)?.sizeBytes ?? 0) / 1024 ** 3)
  const attached = ({ id, deleteOption, given }: Vm['osDisk']) => ({
    ...given,
    name: id.split('/').at(-1),
    diskSizeGB: sizeGb(id),
    deleteOption,
    managedDisk: { id: groupShouted(id), storageAccountType: context.estate.get('disk', id)?.sku },
  })
  return {
    id: vm.id,
    name: vm.name,
    type: vmType,
    location: vm.location,
    tags: vm.tags,
    ...(vm.zones.length > 0 ? { zones: vm.zones } : {}),
    properties: {
      ...shown,
      vmId: vm.vmId,
      timeCreated: vm.createdAt.toISOString(),
      provisioningState: provisioningState(vm.life.state()),
      hardwareProfile: { vmSize: vm.size },
      storageProfile: {
        ...(imageReference === undefined ? {} : { imageReference }),
        osDisk: attached(vm.osDisk),
        dataDisks: vm.dataDisks.map((disk) => ({ ...attached(disk), lun: disk.lun })),
      },
      networkProfile: {
        networkInterfaces: vm.nics.map(({ id, primary, deleteOption }) => ({
          id,
          properties: { primary, deleteOption },
        })),
      },
      ...(withView ? { instanceView: instanceView(vm) } : {}),
    },
  }
}

/** The compute service spells the group of a disk in capitals, which clients have to bear. */
const groupShouted = (id: string): string =>
  id
    .split('/')
    .map((part, index) => (index === 4 ? part.toUpperCase() : part))
    .join('/')

function instanceView(vm: Vm): Record<string, unknown> {
  const phase = vm.life.state()
  const provisioning = provisioningState(phase)
  const power: Partial<Record<VmPhase, string>> = {
    running: 'running',
    restarting: 'running',
    deleting: 'stopping',
    starting: 'starting',
    deallocating: 'deallocating',
    deallocated: 'deallocated',
  }
  const failed = vm.failure && phase === 'failed' ? vm.failure : undefined
  return {
    computerName: vm.name,
    hyperVGeneration: vm.generation,
    statuses: [
      failed
        ? {
            code: `ProvisioningState/failed/${failed.code}`,
            level: 'Error',
            displayStatus: 'Provisioning failed',
            message: failed.message,
          }
        : {
            code: `ProvisioningState/${provisioning.toLowerCase()}`,
            level: 'Info',
            displayStatus: `Provisioning ${provisioning.toLowerCase()}`,
          },
      ...(power[phase] === undefined
        ? []
        : [{ code: `PowerState/${power[phase]}`, level: 'Info', displayStatus: `VM ${power[phase]}` }]),
    ],
  }
}
