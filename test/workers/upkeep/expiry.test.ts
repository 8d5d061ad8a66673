import { expect, test } from 'vitest'
import { openPool } from '#db/pool.ts'
import { createTestDatabase } from '#test/setup/database.ts'
import { expireIdempotencyKeys, expireReadings } from '#workers/upkeep/expiry.ts'

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

test('a reading is kept for a week, the finished job that made it for a day', async () => {
  const database = await createTestDatabase()
  const db = openPool(database.url, 1)
  try {
    await db.query(`
      insert into cloud_readings (tenant_id, id, provider_id, facet, subject, query, result, observed_at) values
        ('acme', 'young', 'p', 'quotas', '', '{}', '[]', now() - interval '6 days'),
        ('acme', 'old', 'p', 'quotas', '', '{}', '[]', now() - interval '8 days');
      insert into jobs (id, tenant_id, kind, chain_version, state, input, vars, residue, warnings, created_at) values
        ('done', 'acme', 'cloud.read', 1, 'succeeded', '{}', '{}', '[]', '[]', now() - interval '25 hours'),
        ('running', 'acme', 'cloud.read', 1, 'running', '{}', '{}', '[]', '[]', now() - interval '25 hours'),
        ('other', 'acme', 'vm.create', 1, 'succeeded', '{}', '{}', '[]', '[]', now() - interval '25 hours'),
        ('fresh', 'acme', 'cloud.read', 1, 'succeeded', '{}', '{}', '[]', '[]', now())`)
    expect(await expireReadings(db)).toBe(2)
    expect((await db.query('select id from cloud_readings')).rows).toEqual([{ id: 'young' }])
    const { rows } = await db.query<{ id: string }>('select id from jobs order by id')
    expect(rows.map(({ id }) => id)).toEqual(['fresh', 'other', 'running'])
  } finally {
    await db.end()
    await database.drop()
  }
})
