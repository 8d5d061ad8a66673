import { expect, onTestFinished, test } from 'vitest'
import { query } from '#db/embedded/databases.ts'
import { createTestDatabase } from './database.ts'

test('a test database holds the migrated schema, and what one test writes no other sees', async () => {
  const [one, other] = await Promise.all([createTestDatabase(), createTestDatabase()])
  onTestFinished(async () => {
    await Promise.all([one.drop(), other.drop()])
  })
  await query(one.url, 'create table mine (id int)')
  const tables = async (url: string): Promise<unknown[]> =>
    (await query(url, `select table_name from information_schema.tables where table_schema = 'public'`)).map(
      (row) => row['table_name'],
    )
  expect(await tables(one.url)).toContain('mine')
  expect(await tables(other.url)).not.toContain('mine')
  expect(await tables(other.url)).toContain('jobs')
})
