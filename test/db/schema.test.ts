import { expect, test } from 'vitest'
import { migrate } from '#db/migrate.ts'
import { migrations } from '#db/migrations/index.ts'
import { openOrm } from '#db/orm.ts'
import { createEmptyTestDatabase, createTestDatabase } from '#test/setup/database.ts'

test('the migrations make exactly the schema that the entities describe', async () => {
  const database = await createTestDatabase()
  const orm = await openOrm(database.url)
  try {
    expect(await orm.schema.getUpdateSchemaSQL()).toBe('')
  } finally {
    await orm.close(true)
    await database.drop()
  }
})

test('processes that migrate at the same time all find the schema made, once', async () => {
  const database = await createEmptyTestDatabase()
  try {
    await Promise.all([migrate(database.url), migrate(database.url), migrate(database.url)])
    const orm = await openOrm(database.url)
    expect(await orm.migrator.getPending()).toEqual([])
    expect(await orm.migrator.getExecuted()).toHaveLength(migrations.length)
    await orm.close(true)
  } finally {
    await database.drop()
  }
})
