import { Client } from 'pg'
import { openOrm } from '#db/orm.ts'

/**
 * Brings a database up to the current schema. Any number of processes may call it at once: one migrates, the others wait.
 * @param url of a PostgreSQL database that exists.
 */
export async function migrate(url: string): Promise<void> {
  const guard = new Client({ connectionString: url })
  await guard.connect()
  try {
    await guard.query('select pg_advisory_lock($1)', [migrationLock])
    const orm = await openOrm(url, 1)
    try {
      await orm.migrator.up()
    } finally {
      await orm.close(true)
    }
  } finally {
    await guard.end()
  }
}

/** Any fixed number that nothing else in the database locks. */
const migrationLock = 7_263_001
