import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Pool } from 'pg'
import { openPool } from '#db/pool.ts'
import {
  openCredentials,
  removeCredentials,
  storeCredentials,
  type Credentials,
} from '#shared/secrets/credentials.ts'
import { localKeyring, type Keyring } from '#shared/secrets/keyring.ts'
import { createTestDatabase, type TestDatabase } from '#test/setup/database.ts'

let database: TestDatabase
let pool: Pool
const ring = localKeyring([Buffer.alloc(32, 1)])

beforeAll(async () => {
  database = await createTestDatabase()
  pool = openPool(database.url)
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

async function store(
  tenant: string,
  id: string,
  credentials: Credentials,
  keyring: Keyring = ring,
): Promise<void> {
  const db = await pool.connect()
  try {
    await db.query('begin')
    await storeCredentials(db, keyring, tenant, id, credentials)
    await db.query('commit')
  } finally {
    db.release()
  }
}

test('credentials come back as they were stored, to their tenant and id only', async () => {
  await store('acme', 'provider:a', { secret_access_key: 'sEcReT' })
  expect(await openCredentials(pool, ring, 'acme', 'provider:a')).toEqual({ secret_access_key: 'sEcReT' })
  await expect(openCredentials(pool, ring, 'other', 'provider:a')).rejects.toMatchObject({
    code: 'secret_missing',
  })
})

test('a row that is swapped into the place of another does not open', async () => {
  await store('acme', 'provider:mine', { key: 'mine' })
  await store('evil', 'provider:theirs', { key: 'theirs' })
  await pool.query(
    `update credentials c set sealed = o.sealed, key_id = o.key_id, version = o.version
     from credentials o where c.id = 'provider:theirs' and o.id = 'provider:mine'`,
  )
  await expect(openCredentials(pool, ring, 'evil', 'provider:theirs')).rejects.toMatchObject({
    code: 'secret_unreadable',
  })
})

test('many changes of one credential at once leave one that opens', async () => {
  await Promise.all(
    Array.from({ length: 8 }, (_, index) => store('acme', 'provider:busy', { key: String(index) })),
  )
  const { key } = await openCredentials(pool, ring, 'acme', 'provider:busy')
  expect(Number(key)).toBeLessThan(8)
  const { rows } = await pool.query<{ version: number }>(
    `select version from credentials where id = 'provider:busy'`,
  )
  expect(rows).toEqual([{ version: 8 }])
})

test('what is removed is gone', async () => {
  await removeCredentials(pool, 'acme', 'provider:a')
  await expect(openCredentials(pool, ring, 'acme', 'provider:a')).rejects.toMatchObject({
    code: 'secret_missing',
  })
})
