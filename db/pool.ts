import { Pool } from 'pg'

/**
 * Opens the raw connection pool that the jobs core uses for its few hot statements. Everything else goes through the object mapper.
 * A connection that breaks is dropped and replaced; it does not end the process, also when it breaks between two statements of a transaction.
 */
export function openPool(url: string, max = 10): Pool {
  const pool = new Pool({ connectionString: url, max, allowExitOnIdle: true, keepAlive: true })
  pool.on('error', () => {})
  // The pool listens to a connection only while it is idle; whoever holds it learns of the break by the next statement.
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}
