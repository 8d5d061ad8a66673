import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Pool } from 'pg'
import { openPool } from '#db/pool.ts'
import { openCallBook, type CallBook } from '#shared/clouds/calls/book.ts'
import { callStatuses, readAllCalls, readCalls } from '#shared/clouds/calls/read.ts'
import { createCallRecorder } from '#shared/clouds/calls/recorder.ts'
import { foldCalls, writeCalls } from '#shared/clouds/calls/store.ts'
import { total } from '#shared/clouds/calls/tally.ts'
import { createTestDatabase, type TestDatabase } from '#test/setup/database.ts'

let database: TestDatabase
let db: Pool
beforeAll(async () => {
  database = await createTestDatabase()
  db = openPool(database.url, 4)
  await db.query(`insert into tenants (id, name) values ('acme', 'acme'), ('other', 'other')`)
})
beforeEach(async () => {
  await db.query('delete from cloud_calls; delete from cloud_call_totals; delete from cloud_providers')
  await db.query(`insert into cloud_providers (tenant_id, id, name, type, config) values
    ('acme', 'aws', 'aws', 'aws', '{}'), ('other', 'aws', 'aws', 'aws', '{}')`)
})
afterAll(async () => {
  await db.end()
  await database.drop()
})

/** A worker that made these calls to acme's provider. */
async function worker(id: string, calls: Parameters<ReturnType<CallBook['of']>['add']>[]): Promise<CallBook> {
  const book = openCallBook(db, id)
  for (const call of calls) book.of('acme', 'aws').add(...call)
  await book.flush()
  return book
}
const quick = [{ operation: 'DescribeInstances', tookMs: 10 }] as const
const times = <T>(count: number, one: T): T[] => Array.from({ length: count }, () => one)
const allCalls = async () => {
  const [entry] = await readAllCalls(db)
  return entry ? total(entry.operations).calls : 0
}

test('what is told of a provider is what all workers saw of it, by operation and by error', async () => {
  const one = await worker('w1', [
    ...times(8, [...quick] as [(typeof quick)[0]]),
    [{ operation: 'RunInstances', tookMs: 900, code: 'throttled' }, 4],
  ])
  const two = await worker('w2', [
    [{ operation: 'RunInstances', tookMs: 2000, code: 'unavailable' }, 2.5],
    [{ operation: 'RunInstances', tookMs: 2000, code: 'quota_exceeded' }, 2.5],
  ])
  const seen = await readCalls(db, 'acme', 'aws')
  expect(seen.workers).toEqual(['w1', 'w2'])
  expect(seen.report).toMatchObject({
    status: 'degraded',
    calls: 11,
    errorRate: 1 / 11,
    throttleRate: 1 / 11,
    pacedPerSecond: 6.5,
  })
  expect(total(seen.operations).errors).toEqual({ throttled: 1, unavailable: 1, quota_exceeded: 1 })
  expect(seen.operations['RunInstances']).toMatchObject({ calls: 3, faults: 1, throttled: 1 })
  expect(seen.since?.getTime()).toBeLessThanOrEqual(seen.lastCallAt?.getTime() ?? 0)
  expect(await callStatuses(db, 'acme')).toEqual(new Map([['aws', 'degraded']]))
  expect((await readCalls(db, 'other', 'aws')).report).toMatchObject({ status: 'unknown', calls: 0 })
  await Promise.all([one.close(), two.close()])
})

test('a worker that calls on writes what it counted once, however often it writes', async () => {
  const book = await worker('w1', [[...quick]])
  await book.flush()
  book.of('acme', 'aws').add(quick[0])
  await Promise.all([book.flush(), book.flush()])
  await book.close()
  expect((await readCalls(db, 'acme', 'aws')).report.calls).toBe(2)
})

test('nothing is written while no call is made', async () => {
  const book = await worker('w1', [[...quick]])
  const { rows } = await db.query<{ version: string }>('select xmin::text as version from cloud_calls')
  await book.flush()
  expect((await db.query('select xmin::text as version from cloud_calls')).rows).toEqual(rows)
  await book.close()
})

test('calls that could not be written down are written with the next ones', async () => {
  const away = openPool(database.url, 1)
  const book = openCallBook(away, 'w1')
  await db.query('alter table cloud_calls rename to cloud_calls_away')
  book.of('acme', 'aws').add(quick[0])
  await book.flush()
  await db.query('alter table cloud_calls_away rename to cloud_calls')
  await book.close()
  await away.end()
  expect((await readCalls(db, 'acme', 'aws')).report.calls).toBe(1)
})

test('old rows, those of workers that are gone too, end in totals that never fall, and out of the window', async () => {
  for (const [id, ageMs] of [
    ['dead', 40 * 60_000],
    ['dead', 20 * 60_000],
    ['alive', 0],
  ] as const) {
    const recorder = createCallRecorder({ now: () => Date.now() - ageMs })
    recorder.add(quick[0])
    const minutes = recorder.takeChanged()
    await writeCalls(db, id, [{ tenantId: 'acme', providerId: 'aws', minutes }])
  }
  expect(await allCalls()).toBe(3)
  expect((await readCalls(db, 'acme', 'aws')).workers).toEqual(['alive'])
  const folded = await Promise.all([foldCalls(db), foldCalls(db)])
  expect(new Set(folded)).toEqual(new Set([0, 2]))
  expect((await db.query('select 1 from cloud_calls')).rowCount).toBe(1)
  expect(await allCalls()).toBe(3)
  await db.query(`update cloud_calls set minute = minute - interval '1 hour'`)
  expect(await foldCalls(db)).toBe(1)
  expect(await allCalls()).toBe(3)
})

test('of a provider that is no longer registered nothing is kept', async () => {
  const book = await worker('w1', [[...quick]])
  await db.query(`delete from cloud_providers where tenant_id = 'acme'`)
  book.of('acme', 'aws').add(quick[0])
  await db.query('delete from cloud_calls')
  await book.close()
  expect((await db.query('select 1 from cloud_calls')).rowCount).toBe(0)
})

test('minutes that lie before the window are neither told nor written any more', () => {
  let nowMs = Date.UTC(2026, 0, 1)
  const recorder = createCallRecorder({ now: () => nowMs })
  recorder.add(quick[0])
  nowMs += 9 * 60_000
  expect(total(recorder.recent()).calls).toBe(1)
  nowMs += 60_000
  expect(total(recorder.recent()).calls).toBe(0)
  expect(recorder.takeChanged()).toEqual([])
})
