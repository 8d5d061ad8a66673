import { recordVmState } from '#workers/vm-record.ts'
import { bringTo, restorePower } from '#workers/power.ts'
import { step } from '#workers/migration/step.ts'

/** Stops the source, so that its disks hold still. Undone by starting it, if it was running before. */
export const stopSource = step('stop_source', {
  needs: ['source'],
  gives: ['stoppedAt'],
  effect: 'changes',
  async run(context, { source }) {
    const cloud = await context.cloud(source.providerId)
    await bringTo(cloud, source.ref, 'stopped', context)
    context.alsoWrite(recordVmState(context.tenantId, source.vmId, 'stopped'))
    return { stoppedAt: source.wasRunning ? new Date().toISOString() : null }
  },
  undo: {
    needs: ['source'],
    async run(context, { source }) {
      if (!source.wasRunning) return
      const cloud = await context.cloud(source.providerId)
      await restorePower(context, cloud, source.ref, 'running')
      context.alsoWrite(recordVmState(context.tenantId, source.vmId, 'running'))
    },
  },
})
