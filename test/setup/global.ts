import { randomBytes } from 'node:crypto'
import type { TestProject } from 'vitest/node'
import { createDatabase, dropDatabase, query } from '#db/embedded/databases.ts'
import { openEmbedded } from '#db/embedded.ts'
import { migrate } from '#db/migrate.ts'
import { openLocalRedis } from '#shared/jobs/redis.ts'
import { findRedisProgram } from '#shared/services/local-redis.ts'
import { isAlive } from '#shared/services/process.ts'
import { stateFolder } from '#shared/services/state.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The maintenance database of the PostgreSQL that all tests share. */
    serverUrl: string
    /** The prefix of this run's database names. */
    runName: string
    /** The migrated database that every test database is a copy of. */
    templateName: string
    /** The Redis that all tests share; empty when there is none on this machine. */
    redisUrl: string
  }
}

/**
 * Before all tests: one PostgreSQL with a migrated template, and a Redis where the machine has one. They are not those of `npm start`, and
 * lose their data at the end. Runs that happen at the same time share the servers; the last one stops them. A run that was killed leaves
 * them to the next, which drops the databases that nobody uses.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = (name: string): string => stateFolder({ STATE_DIR: '.novacron' }, 'test', name)
  const postgres = await openEmbedded(folder('postgres'), { ephemeral: true })
  const redis = (await findRedisProgram()) && (await openLocalRedis(folder('redis'), { ephemeral: true }))
  const runName = `test_${process.pid}_${randomBytes(4).toString('hex')}`
  const templateName = `${runName}_template`

  async function teardown(): Promise<void> {
    await dropAll(postgres.url, runName)
    await redis?.release()
    await postgres.release()
  }

  try {
    await dropAbandoned(postgres.url)
    await migrate(await createDatabase(postgres.url, templateName))
  } catch (error) {
    await teardown()
    throw error
  }
  project.provide('serverUrl', postgres.url)
  project.provide('runName', runName)
  project.provide('templateName', templateName)
  project.provide('redisUrl', redis?.url ?? '')
  return teardown
}

async function dropAll(serverUrl: string, prefix: string): Promise<void> {
  for (const name of await databaseNames(serverUrl))
    if (name.startsWith(prefix)) await dropDatabase(serverUrl, name)
}

/** Drops the databases of runs that were killed: their names say which process made them. */
async function dropAbandoned(serverUrl: string): Promise<void> {
  for (const name of await databaseNames(serverUrl)) {
    const pid = Number(/^test_(\d+)_/.exec(name)?.[1])
    if (pid > 0 && !isAlive(pid)) await dropDatabase(serverUrl, name)
  }
}

async function databaseNames(serverUrl: string): Promise<string[]> {
  const rows = await query(serverUrl, `select datname from pg_database where datname like 'test\\_%'`)
  return rows.map(({ datname }) => String(datname))
}
