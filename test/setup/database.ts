import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import { createDatabase, dropDatabase } from '#db/embedded/databases.ts'

export type TestDatabase = { url: string; drop(): Promise<void> }

/** A migrated database of the test's own, copied from the run's template. Other processes can be given its url. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const serverUrl = inject('serverUrl')
  const name = newName()
  const url = await createDatabase(serverUrl, name, inject('templateName'))
  return { url, drop: () => dropDatabase(serverUrl, name) }
}

/** The same, but without any table in it. */
export async function createEmptyTestDatabase(): Promise<TestDatabase> {
  const serverUrl = inject('serverUrl')
  const name = newName()
  return { url: await createDatabase(serverUrl, name), drop: () => dropDatabase(serverUrl, name) }
}

function newName(): string {
  return `${inject('runName')}_${randomBytes(6).toString('hex')}`
}
