import type { Pool, PoolClient } from 'pg'
import { SecretError } from '#shared/secrets/errors.ts'
import type { Keyring } from '#shared/secrets/keyring.ts'
import { open, seal } from '#shared/secrets/seal.ts'

/** What a credential is: a few named texts, e.g. `{ access_key_id, secret_access_key }` or `{ secret }`. */
export type Credentials = Record<string, string>

/** Ids of the rows in table `credentials`. */
export const providerCredential = (providerId: string): string => `provider:${providerId}`
/** Holds `{ secret, previous_secret?, previous_until? }`: the old secret signs along until that time (ISO 8601). */
export const webhookCredential = (webhookId: string): string => `webhook:${webhookId}`

/**
 * Opens a tenant's credentials.
 * @throws SecretError `secret_missing`, `secret_key_unknown` or `secret_unreadable`.
 */
export async function openCredentials(
  db: Pool | PoolClient,
  keyring: Keyring,
  tenantId: string,
  id: string,
): Promise<Credentials> {
  const { rows } = await db.query<Row>(
    'select key_id, sealed, version from credentials where tenant_id = $1 and id = $2',
    [tenantId, id],
  )
  const [row] = rows
  if (!row)
    throw new SecretError(`No credentials are kept for "${id}".`, {
      code: 'secret_missing',
      remedy: 'Enter the credentials again.',
    })
  const scope = { tenantId, id, version: row.version }
  const plain = await open(keyring, scope, { keyId: row.key_id, sealed: row.sealed })
  return JSON.parse(plain.toString('utf8')) as Credentials
}

/** Seals and keeps a tenant's credentials, in place of any kept under the same id. Call it inside a transaction. */
export async function storeCredentials(
  db: PoolClient,
  keyring: Keyring,
  tenantId: string,
  id: string,
  credentials: Credentials,
): Promise<void> {
  await db.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`credentials ${tenantId} ${id}`])
  const { rows } = await db.query<{ version: number }>(
    'select version from credentials where tenant_id = $1 and id = $2',
    [tenantId, id],
  )
  const version = (rows[0]?.version ?? 0) + 1
  const plain = Buffer.from(JSON.stringify(credentials))
  const { keyId, sealed } = await seal(keyring, { tenantId, id, version }, plain)
  await db.query(
    `insert into credentials (tenant_id, id, key_id, sealed, version) values ($1, $2, $3, $4, $5)
     on conflict (tenant_id, id) do update
     set key_id = excluded.key_id, sealed = excluded.sealed, version = excluded.version, updated_at = now()`,
    [tenantId, id, keyId, sealed, version],
  )
}

export async function removeCredentials(db: Pool | PoolClient, tenantId: string, id: string): Promise<void> {
  await db.query('delete from credentials where tenant_id = $1 and id = $2', [tenantId, id])
}

interface Row {
  key_id: string
  sealed: Buffer
  version: number
}
