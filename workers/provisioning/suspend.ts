import { setTimeout as sleep } from 'node:timers/promises'
import type { Cloud, CloudRef, CloudVm } from '#shared/clouds/port.ts'
import { waitForVm } from '#shared/clouds/wait.ts'
import { stepsOf, type Step, type StepContext } from '#shared/jobs/chain.ts'
import { StepError } from '#shared/jobs/errors.ts'
import { forwardCheckpoint } from '#workers/forward.ts'
import { unknownVm } from '#workers/power.ts'
import { target } from '#workers/provisioning/power.ts'
import type { ActionInput } from '#workers/provisioning/types.ts'
import { quietFromMs } from '#workers/resources/wait.ts'
import { recordVm } from '#workers/vm-record.ts'

type Context = StepContext<ActionInput>
type Wakefulness = 'running' | 'suspended'

/** Suspends a VM that runs, or lets a suspended one go on. Undone by doing the opposite, if it was otherwise before. */
const wakefulnessStep = (name: string, wanted: Wakefulness): Step =>
  stepsOf<ActionInput, object>()(name, {
    effect: 'changes',
    async run(context) {
      const { cloud, ref } = await target(context)
      const before = await steady(context, cloud, ref)
      if (before.state !== 'running' && before.state !== 'suspended') throw isOff(ref, wanted)
      const kept = context.checkpoint as Before | null | undefined
      if (!kept) await context.saveCheckpoint({ before: before.state } satisfies Before)
      record(context, await bring(context, cloud, ref, wanted))
    },
    undo: { run: restoreBefore },
  })

export const suspend = wakefulnessStep('suspend', 'suspended')
export const resume = wakefulnessStep('resume', 'running')

interface Before {
  before: Wakefulness
}

async function restoreBefore(context: Context): Promise<void> {
  const kept = (await forwardCheckpoint(context)) as Before | undefined
  // Nothing kept: nothing was done.
  if (!kept) return
  const { cloud, ref } = await target(context)
  const quietMs = await quietFromMs(context, cloud)
  for (;;) {
    const lookedAtMs = performance.now()
    const vm = await bring(context, cloud, ref, kept.before)
    if (lookedAtMs >= quietMs) return record(context, vm)
    await sleep(lookAgainMs, undefined, { signal: context.signal })
  }
}

/** Goes by the state that the cloud tells, so it is safe to repeat. */
async function bring(context: Context, cloud: Cloud, ref: CloudRef, wanted: Wakefulness): Promise<CloudVm> {
  const before = await steady(context, cloud, ref)
  if (before.state === wanted) return before
  await (wanted === 'suspended' ? cloud.compute.suspend(ref) : cloud.compute.resume(ref))
  return (await waitForVm(cloud, ref, [wanted], { signal: context.signal, timeoutMs })) ?? before
}

/** What is under way must end first. */
async function steady(context: Context, cloud: Cloud, ref: CloudRef): Promise<CloudVm> {
  const vm = await waitForVm(cloud, ref, ['running', 'suspended', 'stopped'], {
    signal: context.signal,
    timeoutMs,
    onSeen: (state) => context.progress(0, 1, state),
  })
  if (vm) return vm
  throw unknownVm(cloud, ref.id)
}

const record = (context: Context, vm: CloudVm) =>
  context.alsoWrite(recordVm(context.tenantId, context.input.vm_id, context.input.provider_id, vm))

const isOff = ({ id }: CloudRef, wanted: Wakefulness) =>
  new StepError(
    `The VM ${id} is stopped, so it cannot be ${wanted === 'running' ? 'resumed' : 'suspended'}.`,
    {
      code: 'vm_state',
      remedy: 'Start it: POST /api/multicloud/vms/{id}/start.',
    },
  )

/** A hibernating guest writes its memory to disk first. */
const timeoutMs = 20 * 60_000
const lookAgainMs = 500
