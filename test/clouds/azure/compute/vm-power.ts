import {
  accepted,
  idOf,
  notFound,
  sizeNamed,
  type ArmHandler,
  type ArmRequest,
  type Context,
} from '#test/clouds/azure/context.ts'
import type { Vm, VmPhase } from '#test/clouds/azure/estate.ts'
import type { PlainReply } from '#test/clouds/core/server.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import { checkQuota } from '#test/clouds/azure/compute/vm-rules.ts'
import { vmType } from '#test/clouds/azure/compute/vm-view.ts'

const provider = 'Microsoft.Compute'

export const startVm: ArmHandler = async (context, request) => {
  const vm = findVm(context, request)
  const phase = vm.life.state()
  refusePowerChange(vm, phase, 'start', ['running', 'starting', 'deallocated', 'hibernated'])
  if (phase === 'deallocated' || phase === 'hibernated') {
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
    'hibernated',
  ])
  if (request.query.get('hibernate') === 'true') return hibernate(context, request, vm)
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

/** The guest writes its memory to the boot disk, which it must have been taught. */
async function hibernate(context: Context, request: ArmRequest, vm: Vm): Promise<PlainReply> {
  const taught = vm.extensions.some(({ readyAtMs }) => context.clock.now() >= readyAtMs)
  if (!vm.hibernationEnabled || !taught) {
    throw new Refusal(
      409,
      'OperationNotAllowed',
      vm.hibernationEnabled
        ? `The guest operating system of VM '${vm.name}' is not configured for hibernation.`
        : `The Hibernate-Deallocate operation cannot be performed on VM '${vm.name}' because hibernation is not enabled for it.`,
    )
  }
  refusePowerChange(vm, vm.life.state(), 'hibernate', ['running'])
  vm.life.enter('hibernating')
  await context.machines.stop(vm.vmId)
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

export function findVm(context: Context, request: ArmRequest): Vm {
  const vm = context.estate.get('vm', idOf(context, request, vmType))
  if (vm) return vm
  throw notFound(request, vmType)
}

export async function powerOn({ estate, store, machines }: Context, vm: Vm): Promise<void> {
  const diskPaths = [vm.osDisk.id, ...vm.dataDisks.map(({ id }) => id)].flatMap((id) => {
    const disk = estate.get('disk', id)
    return disk ? [store.path(disk.storeId)] : []
  })
  await machines.start(vm.vmId, { diskPaths, memoryMib: (sizeNamed(vm.size)?.memoryGb ?? 1) * 1024 })
}

export const markedForDeletion = (vm: Vm): Refusal =>
  new Refusal(
    409,
    'OperationNotAllowed',
    `Operation is not allowed on VM '${vm.name}' since the VM is marked for deletion. You can only retry the Delete operation (or wait for an ongoing one to complete).`,
  )

function refusePowerChange(vm: Vm, phase: VmPhase, what: string, from: VmPhase[]): void {
  if (from.includes(phase)) return
  if (phase === 'deleting') throw markedForDeletion(vm)
  throw new Refusal(
    409,
    'OperationNotAllowed',
    `Operation '${what}' is not allowed on VM '${vm.name}' since the VM is ${phase}.`,
  )
}
