import { DiskError } from '#shared/disks/errors.ts'
import type { Grid } from '#shared/disks/grid.ts'

/** The header that counts, given the one that a journal holds and the one that was proposed. */
export const agreeOnHeader = (found: Grid, proposal: Grid | undefined): Grid => {
  if (proposal === undefined || found.sizeBytes === proposal.sizeBytes) return found
  throw new DiskError(
    `this journal belongs to a copy of ${found.sizeBytes} bytes, not ${proposal.sizeBytes}: the disk has changed since`,
    { code: 'journal_mismatch', remedy: 'start a new transfer', details: { found, proposal } },
  )
}

/** What opening without a proposal throws when there is nothing to open. */
export const journalMissing = (what: string): DiskError =>
  new DiskError(`there is no copy journal ${what}`, {
    code: 'journal_missing',
    remedy: 'copy the disk first; the journal begins with the copy',
  })
