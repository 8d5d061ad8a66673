import { DiskError } from '#shared/disks/errors.ts'
import { postgresJournal } from '#shared/disks/journal.ts'
import { contentDigest, verifyDisk } from '#shared/disks/verify.ts'
import { step } from '#workers/migration/step.ts'
import type { DiskProof } from '#workers/migration/types.ts'

/** Reads every disk back from the destination and compares it with what was read at the source. Nothing goes on unproved. */
export const verify = step('verify', {
  needs: ['source', 'target', 'disks', 'transfers'],
  gives: ['proofs', 'verificationMs'],
  effect: 'none',
  async run(context, { source, target, disks, transfers }) {
    const startedAtMs = Date.now()
    const cloud = await context.cloud(target.providerId)
    const proofs: DiskProof[] = []
    for (const [nr, disk] of disks.entries()) {
      const journal = postgresJournal(context.db, transfers[nr] ?? '')
      await journal.open()
      const manifest = journal.manifest()
      const back = await cloud.disks.openDisk(disk)
      try {
        const { digest, mismatches, mismatchedBytes } = await verifyDisk({
          source: back,
          manifest,
          slots,
          signal: context.signal,
          onProgress: (done, total) => context.progress(nr + (total > 0 ? done / total : 1), disks.length),
        })
        if (mismatches.length > 0) throw differs(nr, mismatchedBytes, mismatches[0]?.offset ?? 0)
        proofs.push({
          sourceDisk: source.disks[nr]?.id ?? '',
          destinationDisk: disk.id,
          sizeBytes: manifest.sizeBytes,
          sourceDigest: await contentDigest(manifest),
          destinationDigest: digest,
        })
      } finally {
        await back.close()
      }
    }
    return { proofs, verificationMs: Date.now() - startedAtMs }
  },
})

const differs = (nr: number, bytes: number, offset: number) =>
  new DiskError(
    `Disk ${nr + 1} differs at the destination: ${bytes} bytes in all, the first at offset ${offset}.`,
    {
      code: 'disk_mismatch',
      remedy: "The destination's disks are removed and the source is as it was; run the migration again.",
    },
  )

const slots = 8
