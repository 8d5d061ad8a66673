import { expect, test } from 'vitest'
import { openPool } from '#db/pool.ts'
import { createTestDatabase } from '#test/setup/database.ts'
import { expireIdempotencyKeys } from '#workers/upkeep/expiry.ts'

test('an idempotency key is kept for a day and then forgotten', async () => {
  const database = await createTestDatabase()
  const db = openPool(database.url, 1)
  try {
    await db.query(`
      insert into idempotency_keys (tenant_id, key, request_hash, status, response, created_at) values
        ('acme', 'young', '', 202, '{}', now() - interval '23 hours'),
        ('acme', 'old', '', 202, '{}', now() - interval '25 hours')`)
    expect(await expireIdempotencyKeys(db)).toBe(1)
    expect((await db.query('select key from idempotency_keys')).rows).toEqual([{ key: 'young' }])
  } finally {
    await db.end()
    await database.drop()
  }
})
