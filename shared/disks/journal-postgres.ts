import type { Pool } from 'pg'
import { createChunkSet } from '#shared/disks/chunk-set.ts'
import { DiskError } from '#shared/disks/errors.ts'
import { chunkCount, chunkExtent, type Grid } from '#shared/disks/grid.ts'
import { agreeOnHeader, journalMissing } from '#shared/disks/journal-header.ts'
import type { CopyJournal } from '#shared/disks/journal.ts'
import type { CopyManifest } from '#shared/disks/port.ts'

/** The step on whose behalf the copy runs; nothing is written unless it still holds this fence. */
export interface JournalGuard {
  jobId: string
  direction: string
  position: number
  fence: number
}

/**
 * A journal in the tables `disk_transfers` and `copied_chunks`. With `guard`, every write happens only while the step
 * holds its fence; a step that lost it gets `lease_lost` and has written nothing.
 */
export const postgresJournal = (pool: Pool, transferId: string, guard?: JournalGuard): CopyJournal => {
  const holder = guard ? [guard.jobId, guard.direction, guard.position, guard.fence] : []
  let opened: Grid | undefined

  return {
    async open(proposal) {
      const found = await findHeader(pool, transferId)
      if (found === undefined && proposal !== undefined) {
        await pool.query(begin(guard !== undefined), [
          transferId,
          proposal.sizeBytes,
          proposal.chunkBytes,
          ...holder,
        ])
      }
      const header = found ?? (await findHeader(pool, transferId))
      if (header === undefined) throw proposal ? leaseLost(transferId, guard) : journalMissing(transferId)
      opened = agreeOnHeader(header, proposal)

      const done = createChunkSet(chunkCount(opened))
      for await (const [chunk] of pages(pool, LIST_DONE, transferId)) done.add(chunk)
      return { header: opened, done }
    },

    async record(chunks) {
      if (chunks.length === 0) return
      // Sorted and unique: no deadlock between two workers, and one statement must not touch a row twice.
      const latest = new Map(chunks.map((chunk) => [chunk.index, chunk.sha256 ?? null]))
      const indexes = [...latest.keys()].toSorted((a, b) => a - b)
      const digests = indexes.map((index) => latest.get(index) ?? null)
      const { rowCount } = await pool.query(record(guard !== undefined), [
        transferId,
        indexes,
        digests,
        ...holder,
      ])
      if (rowCount !== indexes.length) throw leaseLost(transferId, guard)
    },

    manifest() {
      if (opened === undefined) throw new Error('open the journal before asking for its manifest')
      return manifestOf(pool, transferId, opened)
    },
  }
}

/**
 * The share lock makes a takeover (which updates the step's row) wait for our one statement, or us see its new fence:
 * without it a write could still land after the takeover had committed.
 */
const holds = (firstParameter: number): string => {
  const [job, direction, position, fence] = [0, 1, 2, 3].map((i) => `$${firstParameter + i}`)
  return `holder as materialized (
    select 1 from job_steps
    where job_id = ${job} and direction = ${direction} and position = ${position} and fence = ${fence}
    for share
  )`
}

const begin = (guarded: boolean): string => `
  ${guarded ? `with ${holds(4)}` : ''}
  insert into disk_transfers (id, size_bytes, chunk_bytes, created_at)
  select $1, $2::bigint, $3::int, now() ${guarded ? 'where exists (select 1 from holder)' : ''}
  on conflict (id) do nothing`

const record = (guarded: boolean): string => `
  ${guarded ? `with ${holds(4)}` : ''}
  insert into copied_chunks (transfer_id, chunk, sha256)
  select $1, chunk, sha256 from unnest($2::int[], $3::bytea[]) as copied (chunk, sha256)
  ${guarded ? 'where exists (select 1 from holder)' : ''}
  on conflict (transfer_id, chunk) do update set sha256 = excluded.sha256`

const LIST_DONE = `select chunk from copied_chunks
  where transfer_id = $1 and chunk > $2 order by chunk limit $3`

const LIST_DIGESTS = `select chunk, sha256 from copied_chunks
  where transfer_id = $1 and chunk > $2 and sha256 is not null order by chunk limit $3`

const PAGE_ROWS = 20_000

/** Rows in pages by key, so that memory stays flat and no transaction stays open while the consumer works. */
async function* pages(pool: Pool, sql: string, transferId: string): AsyncGenerator<[number, Buffer]> {
  for (let after = -1; ;) {
    const { rows } = await pool.query<[number, Buffer]>({
      text: sql,
      values: [transferId, after, PAGE_ROWS],
      rowMode: 'array',
    })
    yield* rows
    if (rows.length < PAGE_ROWS) return
    after = (rows.at(-1) as [number, Buffer])[0]
  }
}

const findHeader = async (pool: Pool, transferId: string): Promise<Grid | undefined> => {
  const { rows } = await pool.query<{ size_bytes: string; chunk_bytes: number }>(
    'select size_bytes, chunk_bytes from disk_transfers where id = $1',
    [transferId],
  )
  const row = rows[0]
  return row && { sizeBytes: Number(row.size_bytes), chunkBytes: row.chunk_bytes }
}

const manifestOf = (pool: Pool, transferId: string, grid: Grid): CopyManifest => ({
  ...grid,
  async *chunks() {
    for await (const [chunk, digest] of pages(pool, LIST_DIGESTS, transferId))
      yield { ...chunkExtent(grid, chunk), sha256: digest }
  },
})

const leaseLost = (transferId: string, guard: JournalGuard | undefined): DiskError =>
  new DiskError(`the copy ${transferId} now belongs to another worker; nothing was written`, {
    code: 'lease_lost',
    kind: 'cancelled',
    details: { transferId, ...guard },
  })
