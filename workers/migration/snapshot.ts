import { inspectDisk, type DiskReport } from '#shared/disks/inspect.ts'
import type { Cloud, CloudRef } from '#shared/clouds/port.ts'
import { waitForSnapshot } from '#shared/clouds/wait.ts'
import { removeOwned } from '#workers/undo-owned.ts'
import { step } from '#workers/migration/step.ts'
import type { Guest, SourceVm } from '#workers/migration/types.ts'

/** Takes a snapshot of every disk of the stopped source, and looks at the boot disk. */
export const snapshot = step('snapshot', {
  needs: ['source', 'target'],
  gives: ['snapshots', 'guest'],
  effect: 'changes',
  async run(context, { source }) {
    const cloud = await context.cloud(source.providerId)
    const snapshots: CloudRef[] = []
    for (const disk of source.disks)
      snapshots.push(
        await cloud.disks.createSnapshot({
          token: context.token(`snapshot ${disk.id}`),
          tags: context.tags(),
          region: source.ref.region,
          vm: source.ref,
          disk,
        }),
      )
    for (const [nr, ref] of snapshots.entries()) {
      await waitForSnapshot(cloud, ref, { signal: context.signal, timeoutMs })
      context.progress(nr + 1, snapshots.length)
    }
    const [boot] = snapshots
    if (!boot) throw new Error('preflight lets no VM without disks through')
    return { snapshots, guest: await inspectGuest(cloud, boot, source, context.signal) }
  },
  undo: {
    needs: ['source'],
    // Whatever the way of reading them made of the snapshots, too; what was made at the destination has been taken back before.
    run: (context, { source }) =>
      removeOwned(context, { providerId: source.providerId, region: source.ref.region }),
  },
})

async function inspectGuest(
  cloud: Cloud,
  boot: CloudRef,
  source: SourceVm,
  signal: AbortSignal,
): Promise<Guest> {
  const disk = await cloud.disks.openSnapshot(boot)
  try {
    const report = await inspectDisk(disk, signal)
    return {
      ...firmwareOf(source, report),
      partitionTable: report.partitionTable,
      filesystems: [...new Set(report.partitions.flatMap(({ filesystem }) => filesystem ?? []))],
    }
  } finally {
    await disk.close()
  }
}

/** The source cloud knows best how its VM boots; else the disk tells; an old disk that tells nothing boots by BIOS. */
function firmwareOf(source: SourceVm, report: DiskReport): Pick<Guest, 'firmware' | 'firmwareFrom'> {
  if (source.firmware) return { firmware: source.firmware, firmwareFrom: 'cloud' }
  if (report.firmware === 'unknown') return { firmware: 'bios', firmwareFrom: 'assumed' }
  return { firmware: report.firmware === 'both' ? 'uefi' : report.firmware, firmwareFrom: 'disk' }
}

/** The first snapshot of a large disk can take hours on the clouds that copy it out. */
const timeoutMs = 6 * 3_600_000
