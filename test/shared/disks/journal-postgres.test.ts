import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Pool } from 'pg'
import { openPool } from '#db/pool.ts'
import { copyDisk } from '#shared/disks/copy.ts'
import { postgresJournal, type JournalGuard } from '#shared/disks/journal.ts'
import { createTestDatabase, type TestDatabase } from '#test/setup/database.ts'
import { listManifest, sha, whole } from './journals.ts'
import { memorySink, memorySource } from './memory.ts'

let database: TestDatabase
let pool: Pool
beforeAll(async () => {
  database = await createTestDatabase()
  pool = openPool(database.url, 4)
  await pool.query(`insert into jobs (id, tenant_id, kind, chain_version, state, input, vars, residue, warnings)
    values ('job_1', 'acme', 'migration.cold', 1, 'running', '{}', '{}', '[]', '[]')`)
  await pool.query(`insert into job_steps (job_id, direction, position, name, queue, state, fence)
    values ('job_1', 'forward', 4, 'copy', 'migration', 'running', 7)`)
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

const grid = { sizeBytes: 100_000, chunkBytes: 4096 }
const guard: JournalGuard = { jobId: 'job_1', direction: 'forward', position: 4, fence: 7 }
let transfer = ''
let lastTransfer = 0
beforeEach(async () => {
  transfer = `transfer_${++lastTransfer}`
  await pool.query(`update job_steps set fence = 7`)
})

const rows = async (table: 'disk_transfers' | 'copied_chunks'): Promise<number> => {
  const column = table === 'disk_transfers' ? 'id' : 'transfer_id'
  return (await pool.query(`select 1 from ${table} where ${column} = $1`, [transfer])).rowCount ?? 0
}

test('a journal remembers chunks, zeros and digests, and gives them back in order', async () => {
  const journal = postgresJournal(pool, transfer)
  await journal.open(grid)
  await journal.record([whole(7), { index: 2 }])
  await journal.record([whole(24), whole(3), { index: 24, sha256: sha(25) }])

  const again = postgresJournal(pool, transfer)
  const { header, done } = await again.open({ ...grid, chunkBytes: 512 })
  expect(header).toEqual(grid)
  expect([2, 3, 7, 24].every((chunk) => done.has(chunk))).toBe(true)
  expect(done.size).toBe(4)
  expect(await listManifest(again)).toEqual([
    { offset: 3 * 4096, length: 4096, sha256: sha(3) },
    { offset: 7 * 4096, length: 4096, sha256: sha(7) },
    { offset: 24 * 4096, length: 100_000 - 24 * 4096, sha256: sha(25) },
  ])
})

test('lists longer than one page come back whole and in order', async () => {
  const journal = postgresJournal(pool, transfer)
  const count = 45_000
  await journal.open({ sizeBytes: count * 512, chunkBytes: 512 })
  const order = Array.from({ length: count }, (_, i) => (i * 7919) % count)
  for (let at = 0; at < count; at += 9000) await journal.record(order.slice(at, at + 9000).map(whole))
  expect((await journal.open()).done.size).toBe(count)
  const listed = await listManifest(journal)
  expect(listed.length).toBe(count)
  expect(listed.every(({ offset }, i) => offset === i * 512)).toBe(true)
  expect(listed[31_234]?.sha256).toEqual(sha(31_234))
})

test('a missing journal and one of another disk size are refused', async () => {
  await expect(postgresJournal(pool, transfer).open()).rejects.toMatchObject({ code: 'journal_missing' })
  await postgresJournal(pool, transfer).open(grid)
  const other = postgresJournal(pool, transfer).open({ ...grid, sizeBytes: 5 })
  await expect(other).rejects.toMatchObject({ code: 'journal_mismatch' })
})

test('the holder of the step writes; a worker whose fence has passed begins nothing and records nothing', async () => {
  const holder = postgresJournal(pool, transfer, guard)
  await holder.open(grid)
  await holder.record([whole(1)])
  expect(await rows('copied_chunks')).toBe(1)

  await pool.query(`update job_steps set fence = 8`)
  const lost = { code: 'lease_lost', kind: 'cancelled' }
  await expect(holder.record([whole(2), whole(3)])).rejects.toMatchObject(lost)
  await expect(holder.record([{ index: 1 }])).rejects.toMatchObject(lost)
  expect(await rows('copied_chunks')).toBe(1)
  expect(await listManifest(holder)).toHaveLength(1)

  transfer = `${transfer}_new`
  await expect(postgresJournal(pool, transfer, guard).open(grid)).rejects.toMatchObject(lost)
  expect(await rows('disk_transfers')).toBe(0)
})

test('a write that meets a takeover under way waits for it, and then writes nothing', async () => {
  const journal = postgresJournal(pool, transfer, guard)
  await journal.open(grid)
  const successor = await pool.connect()
  try {
    await successor.query('begin')
    await successor.query(`update job_steps set fence = 8`)
    const recording = journal.record([whole(1)]).then(
      () => 'written',
      (error: { code: string }) => error.code,
    )
    const early = await Promise.race([
      recording,
      new Promise((resolve) => setTimeout(resolve, 100, 'waiting')),
    ])
    expect(early).toBe('waiting')
    await successor.query('commit')
    expect(await recording).toBe('lease_lost')
  } finally {
    successor.release()
  }
  expect(await rows('copied_chunks')).toBe(0)
})

test('a copy on a real journal is resumed by another worker under its own fence, and the first one can do no more', async () => {
  const bytes = Buffer.alloc(300_000, 'novacron')
  const extents = [{ offset: 0, length: bytes.length }]
  const { signal } = new AbortController()
  let writes = 0
  const takeover = async (): Promise<void> => {
    if (++writes === 20) await pool.query(`update job_steps set fence = 8`)
  }
  const first = memorySink(bytes.length, { zeroed: true, onWrite: takeover })
  const journal = postgresJournal(pool, transfer, guard)
  const copying = copyDisk({ source: memorySource(bytes, extents), sink: first, journal, slots: 4, signal })
  await expect(copying).rejects.toMatchObject({ code: 'lease_lost' })
  const durable = await rows('copied_chunks')

  const sink = memorySink(bytes.length, { zeroed: true, bytes: first.bytes })
  const successor = postgresJournal(pool, transfer, { ...guard, fence: 8 })
  await copyDisk({ source: memorySource(bytes, extents), sink, journal: successor, slots: 4, signal })
  expect(sink.bytes.equals(bytes)).toBe(true)
  expect(sink.writes).toHaveLength(Math.ceil(bytes.length / 4096) - durable)
})
