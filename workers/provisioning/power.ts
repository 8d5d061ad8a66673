import type { Cloud, CloudRef } from '#shared/clouds/port.ts'
import { waitForVm } from '#shared/clouds/wait.ts'
import { stepsOf, type Step, type StepContext } from '#shared/jobs/chain.ts'
import { StepError } from '#shared/jobs/errors.ts'
import { forwardCheckpoint } from '#workers/forward.ts'
import { bringTo, powerOf, restorePower, unknownVm, type Power } from '#workers/power.ts'
import type { ActionInput } from '#workers/provisioning/types.ts'
import { recordVm } from '#workers/vm-record.ts'

type Context = StepContext<ActionInput>

const step = stepsOf<ActionInput, object>()

/** Which power state the VM had before the step touched it. */
interface Before {
  before: Power
}

/** Starts a VM, or stops it. Undone by bringing it back to the power state that it had. */
const powerStep = (name: string, power: Power): Step =>
  step(name, {
    effect: 'changes',
    async run(context) {
      const { cloud, ref } = await target(context)
      await keepBefore(context, cloud, ref)
      record(context, await bringTo(cloud, ref, power, context))
    },
    undo: { run: restoreBefore },
  })

export const start = powerStep('start', 'running')
export const stop = powerStep('stop', 'stopped')

/**
 * Restarts the guest. No cloud takes a token for that: a worker that dies between the cloud's answer and its record restarts it once more.
 * Undone by seeing to it that the VM runs, as it did before.
 */
export const restart = step('restart', {
  effect: 'changes',
  async run(context) {
    const { cloud, ref } = await target(context)
    const kept = context.checkpoint as (Before & { asked?: boolean }) | undefined
    if (!kept?.asked) {
      const before = await keepBefore(context, cloud, ref)
      if (before !== 'running') throw notRunning(ref)
      await waitForVm(cloud, ref, ['running'], { signal: context.signal, timeoutMs })
      await cloud.compute.restart(ref)
      await context.saveCheckpoint({ before, asked: true })
    }
    record(context, await bringTo(cloud, ref, 'running', context))
  },
  undo: { run: restoreBefore },
})

/** The cloud and the VM in it. */
export async function target({ input, cloud }: Context): Promise<{ cloud: Cloud; ref: CloudRef }> {
  if (input.cloud_vm_id !== null)
    return { cloud: await cloud(input.provider_id), ref: { region: input.region, id: input.cloud_vm_id } }
  throw new StepError('The VM was never made in its cloud.', {
    code: 'vm_state',
    remedy: 'Look at the job that was to create it.',
  })
}

/** Keeps the power state before acting on it, once, so that a later try does not take its own work for the state before. */
async function keepBefore(context: Context, cloud: Cloud, ref: CloudRef): Promise<Power | undefined> {
  const kept = context.checkpoint as Before | undefined
  if (kept) return kept.before
  const vm = await cloud.compute.get(ref)
  if (!vm || vm.state === 'terminated' || vm.state === 'terminating') throw unknownVm(cloud, ref.id)
  const before = powerOf(vm.state)
  if (before) await context.saveCheckpoint({ before } satisfies Before)
  return before
}

async function restoreBefore(context: Context): Promise<void> {
  const kept = (await forwardCheckpoint(context)) as Before | undefined
  // Nothing kept: nothing was done.
  if (!kept) return
  const { cloud, ref } = await target(context)
  record(context, await restorePower(context, cloud, ref, kept.before))
}

const record = (context: Context, vm: Parameters<typeof recordVm>[3]) =>
  context.alsoWrite(recordVm(context.tenantId, context.input.vm_id, context.input.provider_id, vm))

const notRunning = ({ id }: CloudRef) =>
  new StepError(`The VM ${id} does not run, so it cannot be restarted.`, {
    code: 'vm_state',
    remedy: 'Start it: POST /api/multicloud/vms/{id}/start.',
  })

const timeoutMs = 15 * 60_000
