import type { Pool } from 'pg'
import type { StepContext, Write } from '#shared/jobs/chain.ts'
import type { DeliverInput } from '#workers/webhooks/deliver.ts'

export interface Delivery {
  url: string
  enabled: boolean
  messageId: string
  payload: Record<string, unknown>
  state: string
}

/** The delivery with its webhook; undefined when the webhook has been removed (its deliveries go with it). */
export async function readDelivery(
  db: Pool,
  tenantId: string,
  deliveryId: string,
): Promise<Delivery | undefined> {
  const { rows } = await db.query<Delivery>({
    name: 'read-delivery',
    text: `select w.url, w.enabled, d.message_id as "messageId", d.payload, d.state
           from webhook_deliveries d join webhooks w on w.id = d.webhook_id
           where d.tenant_id = $1 and d.id = $2`,
    values: [tenantId, deliveryId],
  })
  return rows[0]
}

export interface FailedTry {
  status: number | null
  error: string
  /** The endpoint says that it is gone for good. */
  gone: boolean
}

/**
 * Puts a try that failed on record, at once: the step is about to end with an error, which commits nothing of its own. Guarded like every write
 * of a holder, so that a worker that has lost the step changes nothing.
 */
export async function recordFailedTry(
  context: StepContext<DeliverInput>,
  { status, error, gone }: FailedTry,
): Promise<void> {
  const { jobId, direction, position, fence } = context.holding
  await context.db.query(
    `with held as (
       select 1 from job_steps where job_id = $1 and direction = $2 and position = $3 and fence = $4 and state = 'running' for share
     ), tried as (
       update webhook_deliveries set state = 'pending', attempts = attempts + 1, response_status = $7, error = $8
       where tenant_id = $5 and id = $6 and exists (select 1 from held)
       returning webhook_id
     )
     update webhooks w set enabled = false, disabled_reason = $8, version = w.version + 1, updated_at = clock_timestamp()
     from tried where w.id = tried.webhook_id and w.enabled and $9::boolean`,
    [jobId, direction, position, fence, context.tenantId, context.subject, status, error, gone],
  )
}

export const delivered = ({ tenantId, subject }: StepContext<DeliverInput>, status: number): Write => ({
  text: `update webhook_deliveries
         set state = 'delivered', attempts = attempts + 1, response_status = $3, error = null, delivered_at = clock_timestamp()
         where tenant_id = $1 and id = $2`,
  values: [tenantId, subject, status],
})

export const givenUp = ({ tenantId, subject, problem }: StepContext<DeliverInput>): Write => ({
  text: `update webhook_deliveries set state = 'failed', error = coalesce($3, error)
         where tenant_id = $1 and id = $2 and state = 'pending'`,
  values: [tenantId, subject, problem?.detail ?? null],
})
