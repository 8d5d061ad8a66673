import { CloudError } from '#shared/clouds/errors.ts'
import type { Cloud, CloudRef } from '#shared/clouds/port.ts'
import { stepsOf, type StepContext } from '#shared/jobs/chain.ts'
import { StepError } from '#shared/jobs/errors.ts'
import { bringTo, unknownVm } from '#workers/power.ts'
import { target } from '#workers/provisioning/power.ts'
import type { ResizeVars, UpdateInput } from '#workers/provisioning/types.ts'
import { recordVm } from '#workers/vm-record.ts'

type Context = StepContext<UpdateInput>

const step = stepsOf<UpdateInput, ResizeVars>()

/** Can a VM of this cloud get another size while it runs? */
export const canResizeLive = ({ capabilities }: Cloud): boolean =>
  'calls' in capabilities.operations['compute.resize.live']

/** Gives a running VM its new size while it runs, where its cloud can. If that needs a stop, the steps after it do so, or nobody may. */
export const resizeLive = step('resize_live', {
  needs: ['before', 'wanted', 'wasRunning'],
  gives: ['live'],
  effect: 'changes',
  async run(context, { before, wanted, wasRunning }) {
    const { cloud, ref } = await target(context)
    if (before === wanted || !wasRunning || !canResizeLive(cloud)) return { live: false }
    const refusal = await tryLive(cloud, ref, wanted)
    if (refusal) {
      if (context.input.allow_stop) return { live: false }
      throw mustStop(ref, refusal.message)
    }
    await recordNow(context, cloud, ref)
    return { live: true }
  },
  undo: {
    needs: ['before', 'wanted', 'wasRunning'],
    async run(context, { before, wanted, wasRunning }) {
      const { cloud, ref } = await target(context)
      if (before === wanted || !wasRunning || !canResizeLive(cloud)) return
      const refusal = await tryLive(cloud, ref, before)
      if (refusal) await takeBack(context, cloud, ref, { before, wanted, refusal })
      await recordNow(context, cloud, ref)
    },
  },
})

/** @throws StepError `vm_state` naming the way to allow it. */
export const mustStop = ({ id }: CloudRef, why: string): StepError =>
  new StepError(`The VM ${id} runs, and must be stopped for that: ${why}`, {
    code: 'vm_state',
    remedy: 'Stop it first, or send `allow_stop: true`: it is then stopped, resized and started again.',
  })

/** Undefined: it has that size. Else why it must be stopped for that; nothing was changed then. */
async function tryLive(cloud: Cloud, ref: CloudRef, size: string): Promise<CloudError | undefined> {
  try {
    await cloud.compute.resize(ref, size, { live: true })
    return undefined
  } catch (error) {
    if (error instanceof CloudError && error.code === 'conflict' && !error.retryable) return error
    throw error
  }
}

/** What its guest does not give back it gives back when it is stopped; if it may not be, it gets all of its new size, not a part of it. */
async function takeBack(
  context: Context,
  cloud: Cloud,
  ref: CloudRef,
  { before, wanted, refusal }: { before: string; wanted: string; refusal: CloudError },
): Promise<void> {
  if (context.input.allow_stop) {
    await bringTo(cloud, ref, 'stopped', context)
    await cloud.compute.resize(ref, before)
    await bringTo(cloud, ref, 'running', context)
    return
  }
  await cloud.compute.resize(ref, wanted, { live: true })
  throw new StepError(`The VM ${ref.id} stays a ${wanted}: ${refusal.message}`, {
    code: 'vm_state',
    remedy: `Change it to ${before} with \`allow_stop: true\`, or when it is stopped.`,
  })
}

async function recordNow(context: Context, cloud: Cloud, ref: CloudRef): Promise<void> {
  const vm = await cloud.compute.get(ref)
  if (!vm || vm.state === 'terminated') throw unknownVm(cloud, ref.id)
  const { tenantId, input } = context
  context.alsoWrite(recordVm(tenantId, input.vm_id, input.provider_id, vm))
}
