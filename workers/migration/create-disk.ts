import type { CloudRef } from '#shared/clouds/port.ts'
import { removeOwned } from '#workers/undo-owned.ts'
import { step } from '#workers/migration/step.ts'

/** Makes the empty disks at the destination, one for each of the source's. */
export const createDisk = step('create_disk', {
  needs: ['source', 'target', 'guest'],
  gives: ['disks', 'transfers'],
  effect: 'changes',
  async run(context, { source, target, guest }) {
    const cloud = await context.cloud(target.providerId)
    const disks: CloudRef[] = []
    for (const [nr, disk] of source.disks.entries())
      disks.push(
        await cloud.disks.createDisk({
          token: context.token(`disk ${nr}`),
          tags: context.tags(),
          region: target.region,
          ...(target.zone ? { zone: target.zone } : {}),
          name: nr === 0 ? target.name : `${target.name}-data${nr}`,
          sizeBytes: roundUp(disk.sizeBytes),
          firmware: guest.firmware,
          architecture: source.architecture,
        }),
      )
    return { disks, transfers: disks.map((_, nr) => context.token(`transfer ${nr}`)) }
  },
  undo: {
    needs: ['target'],
    run: (context, { target }) =>
      removeOwned(context, { providerId: target.providerId, region: target.region }),
  },
})

/** Whole MiB suit every cloud: an Azure disk must be (learn.microsoft.com, "Prepare a Windows VHD"), an EBS one is whole GiB anyway. */
const roundUp = (sizeBytes: number): number => Math.ceil(sizeBytes / mib) * mib

const mib = 1024 ** 2
