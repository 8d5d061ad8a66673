import { StepError } from '#shared/jobs/errors.ts'
import { recordVm } from '#workers/vm-record.ts'
import { step } from '#workers/migration/step.ts'

/** From here on the destination is the VM. Our row changes hands in the transaction that ends this step; nothing outside changes. */
export const commit = step('commit', {
  needs: ['source', 'target', 'destination', 'boot'],
  effect: 'none',
  async run(context, { source, target, destination }) {
    const cloud = await context.cloud(target.providerId)
    const vm = await cloud.compute.get(destination)
    if (!vm || vm.state === 'terminated')
      throw new StepError(`The destination VM ${destination.id} is gone.`, {
        code: 'destination_gone',
        remedy: 'Somebody has deleted it; the source is started again. Run the migration once more.',
      })
    context.alsoWrite(recordVm(context.tenantId, source.vmId, target.providerId, vm))
  },
})
