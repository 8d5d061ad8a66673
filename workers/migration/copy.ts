import type { StepContext } from '#shared/jobs/chain.ts'
import type { Cloud, CloudRef } from '#shared/clouds/port.ts'
import { DiskError } from '#shared/disks/errors.ts'
import { copyDisk, type CopyResult } from '#shared/disks/copy.ts'
import { postgresJournal } from '#shared/disks/journal.ts'
import { step } from '#workers/migration/step.ts'
import type { MigrationInput } from '#workers/migration/types.ts'

/** Copies every disk and seals it. A copy that was cut short goes on where its journal ends. */
export const copy = step('copy', {
  needs: ['source', 'target', 'snapshots', 'disks', 'transfers'],
  gives: ['transfer'],
  effect: 'changes',
  async run(context, { source, target, snapshots, disks, transfers }) {
    const from = await context.cloud(source.providerId)
    const to = await context.cloud(target.providerId)
    const startedAtMs =
      (context.checkpoint as { startedAtMs?: number } | undefined)?.startedAtMs ?? Date.now()
    await context.saveCheckpoint({ startedAtMs })
    let bytesCopied = 0
    let bytesTotal = 0
    for (const [nr, disk] of disks.entries()) {
      const result = await copyOne(context, {
        from,
        to,
        snapshot: at(snapshots, nr),
        disk,
        transfer: at(transfers, nr),
        boot: nr === 0,
        label: `disk ${nr + 1} of ${disks.length}`,
        // Disks count by their size; within a disk, what is allocated counts.
        share: {
          before: sum(source.disks.slice(0, nr)),
          own: at(source.disks, nr).sizeBytes,
          all: sum(source.disks),
        },
      })
      bytesCopied += result.bytesWritten + result.bytesResumed
      bytesTotal += result.bytesTotal
    }
    return { transfer: { bytesCopied, bytesTotal, elapsedMs: Date.now() - startedAtMs } }
  },
  undo: {
    needs: ['transfers'],
    async run(context, { transfers }) {
      context.alsoWrite({ text: 'delete from disk_transfers where id = any($1)', values: [transfers] })
    },
  },
})

interface OneCopy {
  from: Cloud
  to: Cloud
  snapshot: CloudRef
  disk: CloudRef
  transfer: string
  /** The disk that the VM starts from. */
  boot: boolean
  label: string
  share: { before: number; own: number; all: number }
}

async function copyOne(context: StepContext<MigrationInput>, one: OneCopy): Promise<CopyResult> {
  const source = await one.from.disks.openSnapshot(one.snapshot)
  try {
    const sink = await one.to.disks.openDiskForWrite(one.disk)
    try {
      const result = await copyDisk({
        source,
        sink,
        journal: postgresJournal(context.db, one.transfer, context.holding),
        slots,
        signal: context.signal,
        onProgress: (done, total) => {
          const { before, own, all } = one.share
          const detail = `${one.label}: ${mib(done)} of ${mib(total)} MiB`
          context.progress(before + (total > 0 ? (own * done) / total : own), all, detail)
        },
      })
      if (one.boot && result.bytesTotal === 0) throw emptyBootDisk(one.snapshot)
      await one.to.disks.sealDisk(one.disk, result.manifest)
      return result
    } finally {
      await sink.close()
    }
  } finally {
    await source.close()
  }
}

/** A VM cannot start from nothing: the list of what is allocated must be wrong, and a copy by it would look proved. */
const emptyBootDisk = ({ id }: CloudRef): DiskError =>
  new DiskError(`The source lists no data at all on the boot disk's snapshot ${id}.`, {
    code: 'boot_disk_empty',
    remedy: 'Look at the snapshot in the source cloud; if it does hold data, report this.',
  })

/** Chunks in flight. EBS direct and page blobs both want several requests under way; memory is about two chunks a slot. */
const slots = 8

const mib = (bytes: number) => Math.round(bytes / 1024 ** 2)
const sum = (disks: readonly { sizeBytes: number }[]) =>
  disks.reduce((total, disk) => total + disk.sizeBytes, 0)

function at<T>(list: readonly T[], nr: number): T {
  const found = list[nr]
  if (found === undefined) throw new Error(`item ${nr} of ${list.length} is missing`)
  return found
}
