import { waitForVm } from '#shared/clouds/wait.ts'
import { removeOwned } from '#workers/undo-owned.ts'
import { step } from '#workers/migration/step.ts'

/** Removes what only the move needed, and the source itself if that was asked for. */
export const cleanUp = step('clean_up', {
  needs: ['source', 'transfers', 'stoppedAt'],
  effect: 'changes',
  async run(context, { source, transfers }) {
    const cloud = await context.cloud(source.providerId)
    await removeOwned(context, {
      providerId: source.providerId,
      region: source.ref.region,
      kinds: passing,
    })
    if (context.input.delete_source) {
      await cloud.compute.delete(source.ref)
      await waitForVm(cloud, source.ref, ['terminated'], { signal: context.signal, timeoutMs: 15 * 60_000 })
    }
    context.alsoWrite({ text: 'delete from disk_transfers where id = any($1)', values: [transfers] })
  },
})

/** Snapshots, and what some clouds make of them to be read. The moved VM, with its disks, may be of the same provider and region. */
const passing = ['snapshot', 'build', 'image', 'staging']
