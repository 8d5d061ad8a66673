import { stepsOf, type StepContext } from '#shared/jobs/chain.ts'
import { forwardCheckpoint } from '#workers/forward.ts'
import { unknownVm } from '#workers/power.ts'
import { target } from '#workers/provisioning/power.ts'
import type { RelocateInput, RelocateVars } from '#workers/hosts/types.ts'
import { recordVm } from '#workers/vm-record.ts'

const step = stepsOf<RelocateInput, RelocateVars>()

/** Moves a VM to another host of its location. Undone by moving it back to where it was. */
export const relocate = step('relocate', {
  gives: ['relocation'],
  effect: 'changes',
  async run(context) {
    const { cloud, ref } = await target(context)
    const { zone, max_downtime_ms: maxDowntimeMs } = context.input
    const kept = context.checkpoint as Before | undefined
    if (!kept) {
      const vm = await cloud.compute.get(ref)
      if (!vm || vm.state === 'terminated') throw unknownVm(cloud, ref.id)
      await context.saveCheckpoint({ zone: vm.zone ?? '' } satisfies Before)
    }
    const relocation = await cloud.hosts.relocate(ref, {
      ...(zone === undefined ? {} : { zone }),
      ...(maxDowntimeMs === undefined ? {} : { maxDowntimeMs }),
      onProgress: (done, total) => context.progress(done, total),
    })
    await recordNow(context)
    return { relocation }
  },
  undo: {
    async run(context) {
      const kept = (await forwardCheckpoint(context)) as Before | undefined
      // Nothing kept: nothing was done.
      if (!kept) return
      const { cloud, ref } = await target(context)
      await cloud.hosts.relocate(ref, { zone: kept.zone })
      await recordNow(context)
    },
  },
})

/** Where the VM was before. */
interface Before {
  zone: string
}

async function recordNow(context: StepContext<RelocateInput>): Promise<void> {
  const { cloud, ref } = await target(context)
  const vm = await cloud.compute.get(ref)
  if (!vm) throw unknownVm(cloud, ref.id)
  context.alsoWrite(recordVm(context.tenantId, context.input.vm_id, context.input.provider_id, vm))
}
