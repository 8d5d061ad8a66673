import { inspectDisk } from '#shared/disks/inspect.ts'
import { StepError } from '#shared/jobs/errors.ts'
import { step } from '#workers/migration/step.ts'

/**
 * Looks at the copied boot disk with the destination's eyes and settles how it will be started there: firmware, and what the guest may lack.
 * It changes nothing inside of the guest, and says so where that matters.
 */
export const adapt = step('adapt', {
  needs: ['target', 'guest', 'disks'],
  gives: ['adaptation'],
  effect: 'none',
  async run(context, { target, guest, disks: [boot] }) {
    const cloud = await context.cloud(target.providerId)
    if (!boot) throw new Error('preflight lets no VM without disks through')
    const disk = await cloud.disks.openDisk(boot)
    try {
      const report = await inspectDisk(disk, context.signal)
      if (report.partitionTable !== guest.partitionTable)
        throw new StepError(
          `The copied boot disk has partition table "${report.partitionTable}", the source has "${guest.partitionTable}".`,
          { code: 'disk_mismatch', remedy: 'Run the migration again; if it recurs, report it.' },
        )
    } finally {
      await disk.close()
    }
    const how = {
      cloud: 'as the source cloud says',
      disk: 'as its partition table shows',
      assumed: 'which is assumed: the disk shows neither',
    }
    return {
      adaptation: [
        `starts by ${guest.firmware === 'uefi' ? 'UEFI' : 'BIOS'}, ${how[guest.firmwareFrom]}`,
        ...(guest.filesystems.includes('luks')
          ? ['has an encrypted file system: its key must be entered or reachable at the destination']
          : []),
        'drivers and network settings inside of the guest are left as they are',
      ],
    }
  },
})
