import { inTransaction } from '#db/transaction.ts'
import { hash } from 'node:crypto'
import type { PoolClient } from 'pg'
import { open, seal } from '#shared/secrets/seal.ts'
import { invalid, ApiError } from '#api/http/problem.ts'
import type { Call } from '#api/http/endpoint.ts'
import { reply, replyText } from '#api/http/reply.ts'
import type { Services } from '#api/services.ts'

/** What a command answers. `jobs` are those that it submitted: the relay is woken for them. */
export interface Outcome {
  status: number
  body: unknown
  headers?: Record<string, string>
  jobs?: string[]
  /** The body shows a secret, so it is kept sealed for a repetition of the request. */
  secret?: boolean
}

/**
 * Runs a changing request in one transaction together with its `Idempotency-Key`: all of it happens or none, and a repetition gets the
 * first answer. Whatever `work` throws rolls back.
 */
export async function command(call: Call, work: (db: PoolClient) => Promise<Outcome>): Promise<Response> {
  const idempotency = idempotencyOf(call)
  const { services, principal } = call
  const outcome = await inTransaction(services.pool, async (db): Promise<Outcome | Response> => {
    if (!idempotency) return await work(db)
    const { key, requestHash } = idempotency
    // Of several requests with one key the first runs, the others wait here and then find its answer.
    await db.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
      `key ${principal.tenantId} ${key}`,
    ])
    const stored = await replay(call, idempotency, db)
    if (stored) return stored
    const fresh = await work(db)
    await db.query(
      'insert into idempotency_keys (tenant_id, key, request_hash, status, response) values ($1, $2, $3, $4, $5)',
      [principal.tenantId, key, requestHash, fresh.status, JSON.stringify(await keep(call, key, fresh))],
    )
    return fresh
  })
  if (outcome instanceof Response) return outcome
  for (const jobId of outcome.jobs ?? []) announce(services, jobId)
  return reply(outcome.status, outcome.body, outcome.headers)
}

/** Wakes the relay for a job that was just submitted. */
export function announce(services: Services, jobId: string): void {
  services.wake.notify('novacron_outbox', '')
  services.wake.notify('novacron_job', jobId)
}

export interface Idempotency {
  key: string
  /** Of method, path and body. */
  requestHash: string
}

/** The request's idempotency key, if it has one. @throws ApiError `validation_failed`. */
export function idempotencyOf({ c, bodyText }: Call): Idempotency | undefined {
  const key = c.req.header('idempotency-key')
  if (key === undefined || c.req.method !== 'POST') return undefined
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    throw invalid([
      {
        field: 'header.Idempotency-Key',
        reason: 'is not 1 to 255 printable ASCII characters',
        remedy: 'Use a random UUID for each request that you mean to send once.',
      },
    ])
  return { key, requestHash: hash('sha256', `${c.req.method} ${c.req.path}\n${bodyText}`) }
}

/**
 * The answer kept for a key, or undefined if the key is new.
 * @throws ApiError `idempotency_key_reused` if it was kept for another request.
 */
export async function replay(
  call: Call,
  { key, requestHash }: Idempotency,
  db: Pick<PoolClient, 'query'> = call.services.pool,
): Promise<Response | undefined> {
  const { rows } = await db.query<{ request_hash: string; status: number; response: Kept }>(
    'select request_hash, status, response from idempotency_keys where tenant_id = $1 and key = $2',
    [call.principal.tenantId, key],
  )
  const [stored] = rows
  if (!stored) return undefined
  if (stored.request_hash !== requestHash)
    throw new ApiError('idempotency_key_reused', 'This Idempotency-Key was used for another request.', {
      remedy:
        'Use a new key for a new request; repeat a request with exactly the same method, path and body.',
    })
  const text = await reveal(call, key, stored.response)
  return replyText(stored.status, text, { ...stored.response.headers, 'idempotency-replayed': 'true' })
}

/** How an answer lies in the table. */
export interface Kept {
  /** The body as it was sent: as text, since jsonb would order its members anew. */
  text?: string
  sealed?: { key_id: string; box: string }
  headers?: Record<string, string>
}

const scopeOf = (call: Call, key: string) => ({
  tenantId: call.principal.tenantId,
  id: `idempotency:${key}`,
  version: 1,
})

async function keep(call: Call, key: string, { body, headers, secret }: Outcome): Promise<Kept> {
  const rest = headers ? { headers } : {}
  const text = JSON.stringify(body)
  if (!secret) return { text, ...rest }
  const { keyId, sealed } = await seal(call.services.keyring, scopeOf(call, key), Buffer.from(text))
  return { sealed: { key_id: keyId, box: sealed.toString('base64') }, ...rest }
}

async function reveal(call: Call, key: string, kept: Kept): Promise<string> {
  if (!kept.sealed) return kept.text ?? ''
  const box = { keyId: kept.sealed.key_id, sealed: Buffer.from(kept.sealed.box, 'base64') }
  return (await open(call.services.keyring, scopeOf(call, key), box)).toString('utf8')
}
