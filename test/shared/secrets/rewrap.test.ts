import { execFile } from 'node:child_process'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Pool } from 'pg'
import { openPool } from '#db/pool.ts'
import { inTransaction } from '#db/transaction.ts'
import { openCredentials, storeCredentials } from '#shared/secrets/credentials.ts'
import { localKeyring } from '#shared/secrets/keyring.ts'
import { countByKey, rewrapCredentials } from '#shared/secrets/rewrap.ts'
import { checkoutFolder } from '#shared/services/state.ts'
import { createTestDatabase, type TestDatabase } from '#test/setup/database.ts'
import { temporaryFolder } from '#test/setup/folder.ts'

const [oldKey, newKey, lostKey] = [1, 2, 3].map((byte) => Buffer.alloc(32, byte)) as [Buffer, Buffer, Buffer]
const [before, after, lost] = [[oldKey], [newKey, oldKey], [lostKey]].map((keys) => localKeyring(keys)) as [
  ReturnType<typeof localKeyring>,
  ReturnType<typeof localKeyring>,
  ReturnType<typeof localKeyring>,
]
const newAlone = localKeyring([newKey])

let database: TestDatabase
let db: Pool
beforeAll(async () => {
  database = await createTestDatabase()
  db = openPool(database.url, 4)
})
beforeEach(async () => {
  await db.query('delete from credentials')
  for (const tenant of ['acme', 'other'])
    for (const id of ['provider:a', 'provider:b', 'webhook:c']) await store(tenant, id, before)
})
afterAll(async () => {
  await db.end()
  await database.drop()
})

const store = (tenant: string, id: string, keyring = before, secret = `${tenant} ${id}`) =>
  inTransaction(db, (client) => storeCredentials(client, keyring, tenant, id, { secret }))
const secretOf = async (tenant: string, id: string, keyring = newAlone) =>
  (await openCredentials(db, keyring, tenant, id))['secret']
const rows = async () =>
  (await db.query<object>('select tenant_id, id, key_id, sealed, version from credentials order by 1, 2'))
    .rows

test('every credential ends under the new key, opens without the old one, and a second run finds nothing to do', async () => {
  expect(await rewrapCredentials(db, after, { batchSize: 4 })).toEqual({ moved: 6, overtaken: 0, failed: [] })
  expect(await countByKey(db)).toEqual([{ keyId: newAlone.currentKeyId, credentials: 6 }])
  expect(await secretOf('other', 'webhook:c')).toBe('other webhook:c')
  expect(await rewrapCredentials(db, after)).toEqual({ moved: 0, overtaken: 0, failed: [] })
})

test('a dry run says what would be moved and writes nothing', async () => {
  const kept = await rows()
  expect(await rewrapCredentials(db, after, { dryRun: true })).toMatchObject({ moved: 6, failed: [] })
  expect(await rows()).toEqual(kept)
})

test('cut short after any batch, the next run goes on where it ended', async () => {
  const cut = () => {
    throw new Error('cut')
  }
  await expect(rewrapCredentials(db, after, { batchSize: 2, onBatch: cut })).rejects.toThrow('cut')
  expect(await rewrapCredentials(db, after, { batchSize: 2 })).toMatchObject({ moved: 4 })
  expect(await secretOf('acme', 'provider:a')).toBe('acme provider:a')
})

test('a credential that is changed while it is moved stays as it was changed', async () => {
  const reading = db.query.bind(db)
  // Changed at the worst moment: after it was read, before it is written.
  const slow = Object.assign(Object.create(db) as Pool, {
    query: async (text: string, values: unknown[]) => {
      if (text.includes('update credentials') && values[1] === 'provider:b')
        await store(String(values[0]), 'provider:b', before, 'changed')
      return reading(text, values)
    },
  })
  expect(await rewrapCredentials(slow, after)).toEqual({ moved: 4, overtaken: 2, failed: [] })
  expect(await secretOf('acme', 'provider:b', before)).toBe('changed')
  expect(await rewrapCredentials(db, after)).toMatchObject({ moved: 2 })
  expect(await secretOf('acme', 'provider:b')).toBe('changed')
})

test('what cannot be opened is named and left as it was, and holds up nothing else', async () => {
  await store('acme', 'provider:a', lost)
  await db.query(`update credentials set sealed = set_byte(sealed, 40, 7) where id = 'webhook:c'`)
  const { moved, failed } = await rewrapCredentials(db, after, { batchSize: 1 })
  expect(moved).toBe(3)
  expect(failed.map(({ tenantId, id }) => `${tenantId} ${id}`)).toEqual([
    'acme provider:a',
    'acme webhook:c',
    'other webhook:c',
  ])
  expect(failed[0]).toMatchObject({ keyId: lost.currentKeyId, reason: expect.stringContaining('key') })
  expect(await secretOf('acme', 'provider:a', lost)).toBe('acme provider:a')
})

test('the command does it with the configured keys, says what it did, and ends in 1 while something is left', async () => {
  const run = (...args: string[]) =>
    new Promise<{ status: unknown; output: string }>((resolve) => {
      const env = {
        PATH: process.env['PATH'] ?? '',
        DATABASE_URL: database.url,
        STATE_DIR: temporaryFolder(),
        SECRETS_KEY: newKey.toString('base64'),
        SECRETS_KEYS_RETIRED: oldKey.toString('base64'),
      }
      const command = ['shared/secrets/rewrap-cli.ts', ...args]
      execFile(process.execPath, command, { cwd: checkoutFolder, env }, (error, stdout, stderr) =>
        resolve({ status: error?.code ?? 0, output: stdout + stderr }),
      )
    })
  const dry = await run('--dry-run')
  expect(dry).toMatchObject({ status: 0, output: expect.stringContaining('6 can be moved, 0 cannot.') })
  expect(await countByKey(db)).toEqual([{ keyId: before.currentKeyId, credentials: 6 }])
  await store('acme', 'provider:a', lost)
  const first = await run('--batch', '2')
  expect(first).toMatchObject({ status: 1, output: expect.stringContaining('Not moved: provider:a') })
  expect(first.output).toContain(`5 under ${newAlone.currentKeyId} (SECRETS_KEY)`)
  expect(await secretOf('other', 'provider:b')).toBe('other provider:b')
  // No key and no secret is ever printed.
  expect(first.output).not.toContain(newKey.toString('base64'))
  expect(await run('--batch', 'all')).toMatchObject({ status: 1, output: expect.stringContaining('--batch') })
})
