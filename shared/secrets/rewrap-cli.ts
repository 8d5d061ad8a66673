import { parseArgs } from 'node:util'
import type { Pool } from 'pg'
import { resolveDatabase } from '#db/embedded.ts'
import { openPool } from '#db/pool.ts'
import { readConfig } from '#shared/config.ts'
import { openKeyring } from '#shared/secrets/keyring.ts'
import { countByKey, rewrapCredentials } from '#shared/secrets/rewrap.ts'

const usage = `Puts all credentials under the present SECRETS_KEY; SECRETS_KEYS_RETIRED names the keys that they are under now.

  npm run rewrap [-- --dry-run] [-- --batch 200]

  --dry-run  opens everything, writes nothing, and says what would be done
  --batch    how many credentials are read at once (default 200)

Safe while everything runs, and to interrupt and run again. Exit status: 0 if nothing is left under another key, 1 if something is.`

try {
  process.exitCode = (await run()) ? 0 : 1
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
  process.exitCode = 1
}

/** @returns whether nothing is left to do. */
async function run(): Promise<boolean> {
  const { dryRun, batchSize } = readOptions()
  const config = readConfig()
  const keyring = openKeyring(config)
  const database = await resolveDatabase(config)
  console.log(database.note)
  const db = openPool(database.url, 1)
  try {
    await printKeys(db, keyring.currentKeyId)
    const { moved, overtaken, failed } = await rewrapCredentials(db, keyring, {
      batchSize,
      dryRun,
      onBatch: (soFar) => console.log(`  ${soFar.moved} ${dryRun ? 'can be moved' : 'moved'} …`),
    })
    for (const { tenantId, id, keyId, reason } of failed)
      console.error(`Not moved: ${id} of tenant ${tenantId}, under ${keyId}. ${reason}`)
    if (failed.length > 0)
      console.error(
        'Add the key that they are under to SECRETS_KEYS_RETIRED and run this again, or enter these credentials again.',
      )
    console.log(
      dryRun
        ? `${moved} can be moved, ${failed.length} cannot. Nothing was written.`
        : `${moved} moved, ${overtaken} changed by others meanwhile, ${failed.length} left as they were.`,
    )
    if (dryRun) return failed.length === 0
    const left = await printKeys(db, keyring.currentKeyId)
    if (left > failed.length)
      console.error(
        'Some were sealed under another key meanwhile: a process still has that as its SECRETS_KEY. Restart it and run this again.',
      )
    return left === 0
  } finally {
    await db.end()
    await database.release()
  }
}

function readOptions(): { dryRun: boolean; batchSize: number } {
  const { values } = parseArgs({
    options: { 'dry-run': { type: 'boolean', default: false }, batch: { type: 'string', default: '200' } },
  })
  const batchSize = Number(values.batch)
  if (!Number.isInteger(batchSize) || batchSize < 1 || batchSize > 10_000)
    throw new Error('--batch must be a whole number from 1 to 10000.')
  return { dryRun: values['dry-run'], batchSize }
}

/** @returns how many are not under the current key. */
async function printKeys(db: Pool, currentKeyId: string): Promise<number> {
  const keys = await countByKey(db)
  if (keys.length === 0) console.log('There are no credentials.')
  for (const { keyId, credentials } of keys)
    console.log(`${credentials} under ${keyId}${keyId === currentKeyId ? ' (SECRETS_KEY)' : ''}`)
  return keys.reduce((sum, { keyId, credentials }) => (keyId === currentKeyId ? sum : sum + credentials), 0)
}
