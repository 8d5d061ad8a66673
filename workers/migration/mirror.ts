import type { JobSummary, Write } from '#shared/jobs/chain.ts'
import type { MigrationVars } from '#workers/migration/types.ts'

/** Keeps the `migrations` row in step with its job, in the same transaction. */
export function mirrorMigration({ jobId, subject, state, progress, problem, vars }: JobSummary): Write[] {
  const known = vars as Partial<MigrationVars>
  const ended = state === 'succeeded' || state === 'failed' || state === 'cancelled'
  return [
    {
      text: `update migrations set
               status = case
                 when $3 = 'rolled_back' and (select residue from jobs where id = $2) <> '[]' then 'failed'
                 else $3 end,
               progress = greatest(progress, $4),
               destination_vm_id = $5,
               metrics = metrics || $6::jsonb,
               error_message = $7,
               completed_at = case when $8 then clock_timestamp() end
             where id = $1 and job_id = $2`,
      values: [
        subject,
        jobId,
        statusOf(state, known),
        Math.floor(progress * 100),
        state === 'failed' || state === 'cancelled' ? null : (known.destination?.id ?? null),
        JSON.stringify(metricsOf(known)),
        problem?.detail ?? null,
        ended,
      ],
    },
  ]
}

/** A failure is `rolled_back` when there was something to take back and all of it was; before that nothing had been touched. */
function statusOf(state: JobSummary['state'], vars: Partial<MigrationVars>): string {
  if (state === 'succeeded') return 'completed'
  if (state === 'cancelled') return 'cancelled'
  if (state === 'failed') return vars.source ? 'rolled_back' : 'failed'
  return 'in_progress'
}

/** Field names of the original API; times in milliseconds, rate in bytes per second. */
function metricsOf(vars: Partial<MigrationVars>): Record<string, unknown> {
  const { transfer, stoppedAt, boot, verificationMs, proofs } = vars
  return {
    ...(transfer
      ? {
          data_transferred: transfer.bytesCopied,
          transfer_rate: Math.round((transfer.bytesCopied * 1000) / Math.max(1, transfer.elapsedMs)),
        }
      : {}),
    ...(verificationMs === undefined ? {} : { verification_time: verificationMs }),
    ...(stoppedAt && boot ? { total_downtime: Date.parse(boot.runningAt) - Date.parse(stoppedAt) } : {}),
    ...(proofs
      ? {
          disks: proofs.map((proof) => ({
            source: proof.sourceDisk,
            destination: proof.destinationDisk,
            size_bytes: proof.sizeBytes,
            source_digest: proof.sourceDigest,
            destination_digest: proof.destinationDigest,
            identical: proof.sourceDigest === proof.destinationDigest,
          })),
        }
      : {}),
    ...(boot ? { boot_check: { outcome: boot.outcome, evidence: boot.evidence } } : {}),
  }
}
