import pg from 'pg'

/** The same server, another database. */
export function withDatabase(url: string, name: string): string {
  const changed = new URL(url)
  changed.pathname = `/${encodeURIComponent(name)}`
  return changed.href
}

/**
 * Creates a database, as a copy of `template` when given (which must have no connections then).
 * @returns its url. An existing database of that name is kept as it is.
 */
export async function createDatabase(serverUrl: string, name: string, template?: string): Promise<string> {
  await query(
    serverUrl,
    `create database ${quoted(name)}${template ? ` template ${quoted(template)}` : ''}`,
  ).catch(unlessExists)
  return withDatabase(serverUrl, name)
}

/** Drops a database and cuts off whoever is connected to it; one that is not there is no error. */
export async function dropDatabase(serverUrl: string, name: string): Promise<void> {
  await query(serverUrl, `drop database if exists ${quoted(name)} with (force)`)
}

/** Runs one statement on a connection of its own. */
export async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  // A server that goes away later must not throw out of an event handler; the query itself reports it.
  client.on('error', () => {})
  try {
    await client.connect()
    const result = await client.query<Record<string, unknown>>(sql)
    return result.rows
  } finally {
    await client.end()
  }
}

function quoted(name: string): string {
  return pg.escapeIdentifier(name)
}

const DUPLICATE_DATABASE = '42P04'

function unlessExists(error: unknown): void {
  if (!(error instanceof pg.DatabaseError && error.code === DUPLICATE_DATABASE)) throw error
}
