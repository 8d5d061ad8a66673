import { expect, onTestFinished, test } from 'vitest'
import { query } from '#db/embedded/databases.ts'
import { openPool } from '#db/pool.ts'
import { createTestDatabase } from '#test/setup/database.ts'

test('a connection that breaks between two statements of a transaction fails the next one, and the pool goes on', async () => {
  const database = await createTestDatabase()
  const pool = openPool(database.url, 2)
  onTestFinished(async () => {
    await pool.end()
    await database.drop()
  })
  const client = await pool.connect()
  await client.query('begin')
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  const broken = new Promise<void>((resolve) => client.once('end', () => resolve()))
  await query(database.url, `select pg_terminate_backend(${rows[0]?.pid})`)
  await broken
  const error = await client.query('select 1').catch((reason: Error) => reason)
  expect(error).toBeInstanceOf(Error)
  client.release(true)
  expect((await pool.query('select 2 as two')).rows).toEqual([{ two: 2 }])
})
