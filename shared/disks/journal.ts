import type { ChunkSet } from '#shared/disks/chunk-set.ts'
import type { Grid } from '#shared/disks/grid.ts'
import type { CopiedChunk, CopyManifest } from '#shared/disks/port.ts'

export { fileJournal } from '#shared/disks/journal-file.ts'
export { postgresJournal, type JournalGuard } from '#shared/disks/journal-postgres.ts'

/** The durable memory of one disk's copy: which chunks are at the destination, and with which digest. */
export interface CopyJournal {
  /**
   * Opens the journal, or begins it with `proposal`. A journal that exists keeps its own chunk size, so that its chunk
   * numbers stay true; another disk size is refused (`journal_mismatch`). Without a proposal it must exist (`journal_missing`).
   * May be called again.
   */
  open(proposal?: Grid): Promise<{ header: Grid; done: ChunkSet }>
  /** Makes these chunks durable; a chunk recorded again takes the newer digest. All or nothing. */
  record(chunks: CopiedChunk[]): Promise<void>
  /** What has been recorded so far, non-zero chunks ascending. Only after `open`. */
  manifest(): CopyManifest
}
