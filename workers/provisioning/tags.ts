import type { CloudVm, TagChange } from '#shared/clouds/port.ts'
import { stepsOf } from '#shared/jobs/chain.ts'
import { forwardCheckpoint } from '#workers/forward.ts'
import { unknownVm } from '#workers/power.ts'
import { target } from '#workers/provisioning/power.ts'
import type { UpdateInput } from '#workers/provisioning/types.ts'
import { recordVm, recordVmTags } from '#workers/vm-record.ts'

const step = stepsOf<UpdateInput, object>()

/** Makes a VM's tags exactly those that were asked for, if any were. Undone by making them what they were. */
export const setTags = step('set_tags', {
  effect: 'changes',
  async run(context) {
    const { input, tenantId } = context
    if (!input.tags) return
    const { cloud, ref } = await target(context)
    const vm = await cloud.compute.get(ref)
    if (!vm) throw unknownVm(cloud, ref.id)
    const kept = context.checkpoint as Before | null | undefined
    if (!kept) await context.saveCheckpoint({ tags: ownTags(vm) } satisfies Before)
    await cloud.compute.setTags(ref, changeTo(vm, input.tags))
    const after = (await cloud.compute.get(ref)) ?? vm
    context.alsoWrite(recordVm(tenantId, input.vm_id, input.provider_id, after))
    context.alsoWrite(recordVmTags(tenantId, input.vm_id, input.tags))
  },
  undo: {
    async run(context) {
      const kept = (await forwardCheckpoint(context)) as Before | undefined
      // Nothing kept: nothing was done.
      if (!kept) return
      const { input, tenantId } = context
      const { cloud, ref } = await target(context)
      const vm = await cloud.compute.get(ref)
      if (!vm) return
      await cloud.compute.setTags(ref, changeTo(vm, kept.tags))
      context.alsoWrite(recordVmTags(tenantId, input.vm_id, kept.tags))
    },
  },
})

interface Before {
  tags: Record<string, string>
}

/** Tags in which clouds and NovaCron keep facts of their own; `Name` is where AWS keeps a VM's name. */
const reserved = /^(novacron-|aws:|hidden-|goog-|name$)/i

const ownTags = ({ tags }: CloudVm): Record<string, string> =>
  Object.fromEntries(Object.entries(tags).filter(([name]) => !reserved.test(name)))

/** What is to be changed, also what an earlier try has changed half way. */
const changeTo = (vm: CloudVm, wanted: Record<string, string>): TagChange => ({
  set: wanted,
  remove: Object.keys(ownTags(vm)).filter((name) => !Object.hasOwn(wanted, name)),
})
