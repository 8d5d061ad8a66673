import type { Pool, PoolClient } from 'pg'

/** Runs `work` in a transaction on one connection: commits when it returns, rolls back when it throws. */
export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const result = await work(client)
    await client.query('commit')
    client.release()
    return result
  } catch (error) {
    await client.query('rollback').then(
      () => client.release(),
      // A connection that cannot even roll back is not given to the next one.
      () => client.release(true),
    )
    throw error
  }
}
