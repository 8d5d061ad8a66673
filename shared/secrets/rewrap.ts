import type { Pool } from 'pg'
import { SecretError } from '#shared/secrets/errors.ts'
import type { Keyring } from '#shared/secrets/keyring.ts'
import { rewrap } from '#shared/secrets/seal.ts'

export interface RewrapReport {
  /** Put under the current key; in a dry run, those that could be. */
  moved: number
  /** Changed by somebody else in the meantime, and so under the current key by them; or removed. */
  overtaken: number
  /** Those that cannot be opened, with the reason. They are as they were. */
  failed: { tenantId: string; id: string; keyId: string; reason: string }[]
}

/**
 * Puts every credential that is under another key under the keyring's current one, a batch at a time. Nothing is locked: a credential that is
 * changed meanwhile stays as changed. Interrupted, it is simply run again: what is moved is not looked at any more.
 * @param dryRun opens everything and writes nothing.
 * @param onBatch is told how it stands after each batch.
 */
export async function rewrapCredentials(
  db: Pool,
  keyring: Keyring,
  {
    batchSize = 200,
    dryRun = false,
    onBatch = () => {},
  }: { batchSize?: number; dryRun?: boolean; onBatch?: (soFar: Readonly<RewrapReport>) => void } = {},
): Promise<RewrapReport> {
  const report: RewrapReport = { moved: 0, overtaken: 0, failed: [] }
  let after = { tenant_id: '', id: '' }
  for (;;) {
    const { rows } = await db.query<Row>(batchSql, [
      keyring.currentKeyId,
      after.tenant_id,
      after.id,
      batchSize,
    ])
    for (const row of rows) await moveOne(db, keyring, row, dryRun, report)
    if (rows.length > 0) onBatch(report)
    const last = rows.at(-1)
    if (!last || rows.length < batchSize) return report
    after = last
  }
}

/** How many credentials each key holds, the most first. */
export async function countByKey(db: Pool): Promise<{ keyId: string; credentials: number }[]> {
  const { rows } = await db.query<{ keyId: string; credentials: number }>(
    `select key_id as "keyId", count(*)::int as credentials from credentials group by key_id order by 2 desc, 1`,
  )
  return rows
}

async function moveOne(
  db: Pool,
  keyring: Keyring,
  { tenant_id: tenantId, id, key_id: keyId, sealed, version }: Row,
  dryRun: boolean,
  report: RewrapReport,
): Promise<void> {
  let fresh: Awaited<ReturnType<typeof rewrap>>
  try {
    fresh = await rewrap(keyring, { tenantId, id, version }, { keyId, sealed })
  } catch (error) {
    if (!(error instanceof SecretError)) throw error
    report.failed.push({ tenantId, id, keyId, reason: error.message })
    return
  }
  if (dryRun) {
    report.moved += 1
    return
  }
  const { rowCount } = await db.query(moveSql, [tenantId, id, fresh.keyId, fresh.sealed, version, keyId])
  if (rowCount === 1) report.moved += 1
  else report.overtaken += 1
}

interface Row {
  tenant_id: string
  id: string
  key_id: string
  sealed: Buffer
  version: number
}

const batchSql = `
select tenant_id, id, key_id, sealed, version from credentials
where key_id <> $1 and (tenant_id, id) > ($2, $3) order by tenant_id, id limit $4`

const moveSql = `
update credentials set key_id = $3, sealed = $4
where tenant_id = $1 and id = $2 and version = $5 and key_id = $6`
