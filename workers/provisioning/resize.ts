import type { Cloud, CloudRef, CloudVm } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import { stepsOf, type StepContext } from '#shared/jobs/chain.ts'
import { StepError } from '#shared/jobs/errors.ts'
import { sizeFor } from '#shared/placement/choose.ts'
import { bringTo, powerOf, restorePower, unknownVm } from '#workers/power.ts'
import { target } from '#workers/provisioning/power.ts'
import { canResizeLive, mustStop } from '#workers/provisioning/resize-live.ts'
import type { ResizeVars, UpdateInput } from '#workers/provisioning/types.ts'
import { recordVm } from '#workers/vm-record.ts'

type Context = StepContext<UpdateInput>

const step = stepsOf<UpdateInput, ResizeVars>()

/**
 * Finds out what is to be changed, and refuses to stop a VM that nobody said may be stopped, where it must be. Undone last of all: what could not
 * be taken back is written down as the cloud has it.
 */
export const inspect = step('inspect', {
  gives: ['before', 'wanted', 'wasRunning'],
  effect: 'none',
  async run(context) {
    const { cloud, ref } = await target(context)
    const vm = await cloud.compute.get(ref)
    if (!vm || vm.state === 'terminated') throw unknownVm(cloud, ref.id)
    if (vm.state === 'suspended') throw mustResume(ref)
    const { instance_type: instanceType } = context.input
    const { name: wanted } = await sizeFor(cloud, ref.region, { instanceType, architecture: vm.architecture })
    const wasRunning = powerOf(vm.state) === 'running'
    if (wasRunning && wanted !== vm.instanceType && !context.input.allow_stop && !canResizeLive(cloud))
      throw mustStop(ref, 'and its cloud changes the size of stopped VMs only')
    return { before: vm.instanceType, wanted, wasRunning }
  },
  undo: {
    async run(context) {
      const { cloud, ref } = await target(context)
      const vm = await cloud.compute.get(ref)
      if (vm && vm.state !== 'terminated') record(context, vm)
    },
  },
})

export const stop = step('stop', {
  needs: ['before', 'wanted', 'wasRunning', 'live'],
  effect: 'changes',
  async run(context, { before, wanted, live }) {
    if (live || before === wanted) return
    const { cloud, ref } = await target(context)
    record(context, await bringTo(cloud, ref, 'stopped', context))
  },
  undo: {
    needs: ['before', 'wanted', 'wasRunning', 'live'],
    async run(context, { before, wanted, wasRunning, live }) {
      if (live || before === wanted || !wasRunning) return
      const { cloud, ref } = await target(context)
      record(context, await restorePower(context, cloud, ref, 'running'))
    },
  },
})

export const resize = step('resize', {
  needs: ['before', 'wanted', 'live'],
  effect: 'changes',
  async run(context, { before, wanted, live }) {
    if (live || before === wanted) return
    const { cloud, ref } = await target(context)
    record(context, await resizeTo(context, cloud, ref, wanted))
  },
  undo: {
    needs: ['before', 'wanted', 'live'],
    async run(context, { before, wanted, live }) {
      if (live || before === wanted) return
      const { cloud, ref } = await target(context)
      // A resize that was cut off may still be under way: a VM that comes to rest has its final size.
      await restorePower(context, cloud, ref, 'stopped')
      record(context, await resizeTo(context, cloud, ref, before))
    },
  },
})

export const start = step('start', {
  needs: ['before', 'wanted', 'wasRunning', 'live'],
  effect: 'changes',
  async run(context, { before, wanted, wasRunning, live }) {
    if (live || before === wanted) return
    const { cloud, ref } = await target(context)
    record(context, await bringTo(cloud, ref, wasRunning ? 'running' : 'stopped', context))
  },
  undo: {
    needs: ['before', 'wanted', 'live'],
    async run(context, { before, wanted, live }) {
      if (live || before === wanted) return
      const { cloud, ref } = await target(context)
      await restorePower(context, cloud, ref, 'stopped')
    },
  },
})

/** Of one that is off. @throws CloudError `unexpected_state` (retryable) while the cloud tells another size. */
export async function resizeTo(
  context: Context,
  cloud: Cloud,
  ref: CloudRef,
  size: string,
): Promise<CloudVm> {
  await cloud.compute.resize(ref, size)
  const vm = await bringTo(cloud, ref, 'stopped', context)
  if (vm.instanceType.toLowerCase() === size.toLowerCase()) return vm
  throw new CloudError(`The VM ${ref.id} is still a ${vm.instanceType} and not a ${size}.`, {
    cloud: cloud.type,
    operation: 'resize',
    code: 'unexpected_state',
    kind: 'retryable',
    remedy: 'It is tried again.',
  })
}

const record = (context: Context, vm: CloudVm) =>
  context.alsoWrite(recordVm(context.tenantId, context.input.vm_id, context.input.provider_id, vm))

/** Stopping it would throw the memory away that was kept. */
const mustResume = ({ id }: CloudRef) =>
  new StepError(`The VM ${id} is suspended, so its size cannot be changed.`, {
    code: 'vm_state',
    remedy: 'Resume it first: POST /api/multicloud/vms/{id}/resume.',
  })
