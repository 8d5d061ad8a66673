import type { Cloud, CloudRef, CloudVm } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import { stepsOf, type StepContext } from '#shared/jobs/chain.ts'
import { StepError } from '#shared/jobs/errors.ts'
import { chooseSize } from '#shared/placement/sizes.ts'
import { bringTo, powerOf, restorePower, unknownVm } from '#workers/power.ts'
import { target } from '#workers/provisioning/power.ts'
import type { UpdateInput } from '#workers/provisioning/types.ts'
import { recordVm } from '#workers/vm-record.ts'

interface ResizeVars {
  before: string
  wanted: string
  wasRunning: boolean
}

type Context = StepContext<UpdateInput>

const step = stepsOf<UpdateInput, ResizeVars>()

/** Finds out what is to be changed, and refuses to stop a VM that nobody said may be stopped. */
export const inspect = step('inspect', {
  gives: ['before', 'wanted', 'wasRunning'],
  effect: 'none',
  async run(context) {
    const { cloud, ref } = await target(context)
    const vm = await cloud.compute.get(ref)
    if (!vm || vm.state === 'terminated') throw unknownVm(cloud, ref.id)
    if (vm.state === 'suspended') throw mustResume(ref)
    const sizes = await cloud.compute.sizes(ref.region)
    const { instance_type: instanceType } = context.input
    const wanted = chooseSize(sizes, { instanceType, architecture: vm.architecture }).name
    const wasRunning = powerOf(vm.state) === 'running'
    if (wasRunning && wanted !== vm.instanceType && !context.input.allow_stop) throw mustStop(ref)
    return { before: vm.instanceType, wanted, wasRunning }
  },
})

export const stop = step('stop', {
  needs: ['before', 'wanted', 'wasRunning'],
  effect: 'changes',
  async run(context, { before, wanted }) {
    if (before === wanted) return
    const { cloud, ref } = await target(context)
    record(context, await bringTo(cloud, ref, 'stopped', context))
  },
  undo: {
    needs: ['before', 'wanted', 'wasRunning'],
    async run(context, { before, wanted, wasRunning }) {
      if (before === wanted || !wasRunning) return
      const { cloud, ref } = await target(context)
      record(context, await restorePower(context, cloud, ref, 'running'))
    },
  },
})

export const resize = step('resize', {
  needs: ['before', 'wanted'],
  effect: 'changes',
  async run(context, { before, wanted }) {
    if (before === wanted) return
    const { cloud, ref } = await target(context)
    record(context, await resizeTo(context, cloud, ref, wanted))
  },
  undo: {
    needs: ['before', 'wanted'],
    async run(context, { before, wanted }) {
      if (before === wanted) return
      const { cloud, ref } = await target(context)
      // A resize that was cut off may still be under way: a VM that comes to rest has its final size.
      await restorePower(context, cloud, ref, 'stopped')
      record(context, await resizeTo(context, cloud, ref, before))
    },
  },
})

export const start = step('start', {
  needs: ['before', 'wanted', 'wasRunning'],
  effect: 'changes',
  async run(context, { before, wanted, wasRunning }) {
    if (before === wanted) return
    const { cloud, ref } = await target(context)
    record(context, await bringTo(cloud, ref, wasRunning ? 'running' : 'stopped', context))
  },
  undo: {
    needs: ['before', 'wanted'],
    async run(context, { before, wanted }) {
      if (before === wanted) return
      const { cloud, ref } = await target(context)
      await restorePower(context, cloud, ref, 'stopped')
    },
  },
})

async function resizeTo(context: Context, cloud: Cloud, ref: CloudRef, size: string): Promise<CloudVm> {
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

const mustStop = ({ id }: CloudRef) =>
  new StepError(`The VM ${id} runs, and no cloud resizes a running VM.`, {
    code: 'vm_state',
    remedy: 'Stop it first, or send `allow_stop: true`: it is then stopped, resized and started again.',
  })
