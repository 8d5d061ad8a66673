import type { PoolClient } from 'pg'
import { newId } from '#shared/ids.ts'
import { submitJob } from '#shared/jobs/submit.ts'

/**
 * Submits a check of a provider's credentials and reachability, unless one is under way.
 * @returns the id of the job that does it, and whether it is a new one. Call inside a transaction.
 */
export async function submitCheck(
  db: PoolClient,
  tenantId: string,
  providerId: string,
  requestedBy: string,
): Promise<{ jobId: string; fresh: boolean }> {
  await db.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`check ${tenantId} ${providerId}`])
  const { rows } = await db.query<{ id: string }>(
    `select id from jobs
     where tenant_id = $1 and subject = $2 and kind = 'provider.check' and state = 'queued'
     limit 1`,
    [tenantId, providerId],
  )
  const [waiting] = rows
  if (waiting) return { jobId: waiting.id, fresh: false }
  const jobId = newId('job')
  await submitJob(db, {
    id: jobId,
    tenantId,
    kind: 'provider.check',
    subject: providerId,
    input: { provider_id: providerId },
    requestedBy,
  })
  return { jobId, fresh: true }
}
