import { Pool } from 'pg'

/**
 * Opens the raw connection pool that the jobs core uses for its few hot statements. Everything else goes through the object mapper.
 * A connection that breaks while idle is dropped and replaced, it does not end the process.
 */
export function openPool(url: string, max = 10): Pool {
  const pool = new Pool({ connectionString: url, max, allowExitOnIdle: true, keepAlive: true })
  pool.on('error', () => {})
  return pool
}
