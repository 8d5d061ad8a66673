import type { PoolClient } from 'pg'
import { newId } from '#shared/ids.ts'
import type { JobSummary } from '#shared/jobs/chain.ts'
import type { ClaimedStep } from '#shared/jobs/claim.ts'
import { submitJob } from '#shared/jobs/submit.ts'

/**
 * Queues a message to every webhook of the tenant that wants to hear of this job's end: `job.<state>` (and `migration.<state>`,
 * `vm.<state>` by the job's kind). Part of the transaction that ends the job, so a job never ends unannounced nor twice announced.
 */
export async function announceJob(
  client: PoolClient,
  step: ClaimedStep,
  summary: JobSummary,
  output: Record<string, unknown> | undefined,
): Promise<void> {
  const { rows } = await client.query<{ id: string; events: string[] }>({
    name: 'webhooks-of-tenant',
    text: 'select id, events from webhooks where tenant_id = $1 and enabled',
    values: [step.tenantId],
  })
  if (rows.length === 0) return
  const types = [`job.${summary.state}`, `${step.kind.split('.')[0]}.${summary.state}`]
  const messageId = newId('msg')
  for (const webhook of rows) {
    const type = types.find((one) => webhook.events.some((pattern) => covers(pattern, one)))
    if (!type) continue
    const deliveryId = newId('whd')
    const payload = { type, timestamp: new Date().toISOString(), data: messageOf(step, summary, output) }
    await submitJob(
      client,
      {
        tenantId: step.tenantId,
        kind: 'webhook.deliver',
        subject: deliveryId,
        internal: true,
        input: { delivery_id: deliveryId, webhook_id: webhook.id },
      },
      {
        deliveries: [
          {
            id: deliveryId,
            tenant_id: step.tenantId,
            webhook_id: webhook.id,
            message_id: messageId,
            type,
            payload,
            state: 'pending',
          },
        ],
      },
    )
  }
}

/** Does a subscription pattern (`*`, `migration.*`, `job.succeeded`) cover an event type? */
export const covers = (pattern: string, type: string): boolean =>
  pattern === '*' || pattern === type || (pattern.endsWith('.*') && type.startsWith(pattern.slice(0, -1)))

/** Thin by intent (Standard Webhooks asks for it): ids to look up, how it ended, and what came of it. */
const messageOf = (step: ClaimedStep, summary: JobSummary, output: Record<string, unknown> | undefined) => ({
  job_id: step.jobId,
  kind: step.kind,
  subject: step.subject ?? null,
  state: summary.state,
  problem: summary.problem ?? null,
  output: output ?? null,
})
