import type { StepContext } from '#shared/jobs/chain.ts'
import { waitForVm } from '#shared/clouds/wait.ts'
import { recordVmState } from '#workers/vm-record.ts'
import { step } from '#workers/migration/step.ts'
import type { MigrationInput, SourceVm } from '#workers/migration/types.ts'

/** Stops the source, so that its disks hold still. Undone by starting it, if it was running before. */
export const stopSource = step('stop_source', {
  needs: ['source'],
  gives: ['stoppedAt'],
  effect: 'changes',
  async run(context, { source }) {
    const cloud = await context.cloud(source.providerId)
    const before = await cloud.compute.get(source.ref)
    if (before?.state !== 'stopped') await cloud.compute.stop(source.ref)
    await waitForVm(cloud, source.ref, ['stopped'], { signal: context.signal, timeoutMs })
    context.alsoWrite(recordVmState(context.tenantId, source.vmId, 'stopped'))
    return { stoppedAt: source.wasRunning ? new Date().toISOString() : null }
  },
  undo: { needs: ['source'], run: (context, { source }) => restorePower(context, source) },
})

async function restorePower(context: StepContext<MigrationInput>, source: SourceVm): Promise<void> {
  if (!source.wasRunning) return
  const cloud = await context.cloud(source.providerId)
  const wait = { signal: context.signal, timeoutMs }
  // A stop that is still under way must end first: no cloud starts a VM that is stopping.
  const settled = await waitForVm(cloud, source.ref, ['stopped', 'running'], wait)
  if (settled?.state === 'stopped') await cloud.compute.start(source.ref)
  await waitForVm(cloud, source.ref, ['running'], wait)
  context.alsoWrite(recordVmState(context.tenantId, source.vmId, 'running'))
}

/** Windows guests that install updates take this long to stop; clouds themselves give up after about as long. */
const timeoutMs = 15 * 60_000
