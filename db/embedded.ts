import type { Config } from '#shared/config.ts'
import { shareServer, type Share } from '#shared/services/shared-server.ts'
import { stateFolder } from '#shared/services/state.ts'
import { cluster, type ClusterOptions } from './embedded/cluster.ts'
import { withDatabase } from './embedded/databases.ts'

export type Database = {
  /** Connection string of the project's database. */
  url: string
  /** One line for the log: which database this is. */
  note: string
  /** Gives it up; an embedded server stops with its last user. */
  release(): Promise<void>
}

/** The database ladder: DATABASE_URL when given, else an embedded PostgreSQL that all processes of this checkout share. */
export async function resolveDatabase(config: Pick<Config, 'DATABASE_URL' | 'STATE_DIR'>): Promise<Database> {
  if (config.DATABASE_URL) {
    const { host, pathname } = new URL(config.DATABASE_URL)
    const note = `Database: PostgreSQL at ${host}${pathname} (DATABASE_URL)`
    return { url: config.DATABASE_URL, note, release: () => Promise.resolve() }
  }
  const share = await openEmbedded(stateFolder(config, 'postgres'))
  const { port } = new URL(share.url)
  return {
    url: withDatabase(share.url, 'novacron'),
    note: `Database: embedded PostgreSQL on 127.0.0.1:${port} (DATABASE_URL is not set)`,
    release: share.release,
  }
}

/**
 * Joins the embedded PostgreSQL whose settings and locks live in `folder`, starting it if need be.
 * Its url names the maintenance database `postgres`; a database `novacron` is there too.
 */
export async function openEmbedded(
  folder: string,
  options: ClusterOptions & { restart?: boolean } = {},
): Promise<Share> {
  return await shareServer(cluster(folder, options), { restart: options.restart ?? true })
}
