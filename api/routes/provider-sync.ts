import { z } from '@hono/zod-openapi'
import type { PoolClient } from 'pg'
import { command } from '#api/http/command.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { afterWait } from '#api/http/prefer.ts'
import { links } from '#api/http/schemas.ts'
import { loadJobView, loadProvider } from '#api/routes/load.ts'
import { assertEnabled } from '#api/routes/resources/find.ts'
import { freshJob, jobSchema, jobView } from '#api/views/job.ts'
import { linkTo } from '#api/views/links.ts'
import { newId } from '#shared/ids.ts'
import { submitJob } from '#shared/jobs/submit.ts'

const answer = z.object({ job: jobSchema, links }).openapi('SyncAnswer')

/** Takes what is in the cloud into the books. */
export const syncProvider = endpoint({
  method: 'post',
  path: '/providers/{id}/sync',
  operationId: 'syncProvider',
  tag: 'Providers',
  permission: 'providers:sync',
  summary: 'Sync a provider',
  description:
    'Takes all VMs, networks, security groups, addresses, volumes, snapshots, images and buckets of the provider’s regions into the lists, and marks what is gone. Changes nothing in the cloud. One that is waiting already is joined.',
  waits: true,
  answers: {
    200: { description: 'The job has finished while the answer was held (`Prefer: wait`).', schema: answer },
    202: { description: 'Accepted.', schema: answer },
  },
  problems: ['provider_disabled'],
  async handle(call) {
    const { services, principal, param } = call
    const { tenantId } = principal
    const provider = await loadProvider(services, tenantId, param('id'))
    assertEnabled(provider)
    let jobId: string | undefined
    const render = (job: ReturnType<typeof jobView>) => ({
      job,
      links: {
        job: job.links['self'] ?? '',
        provider: linkTo(services, `/providers/${encodeURIComponent(provider.id)}`),
      },
    })
    const response = await command(call, async (db) => {
      const waiting = await waitingSync(db, tenantId, provider.id)
      jobId = waiting ?? newId('job')
      const about = { id: jobId, kind: 'provider.sync', subject: provider.id, requestedBy: principal.subject }
      if (!waiting) await submitJob(db, { ...about, tenantId, input: { provider_id: provider.id } })
      const fresh = freshJob(about)
      return {
        status: 202,
        body: render(jobView(services, fresh)),
        headers: { location: linkTo(services, `/jobs/${jobId}`) },
        jobs: [jobId],
      }
    })
    return afterWait(call, response, jobId, async () =>
      render(await loadJobView(services, tenantId, jobId ?? '')),
    )
  },
})

/** Takes the provider's lock until the end of the transaction. One that has not begun yet will see everything that is there now. */
async function waitingSync(
  db: PoolClient,
  tenantId: string,
  providerId: string,
): Promise<string | undefined> {
  await db.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`sync ${tenantId} ${providerId}`])
  const { rows } = await db.query<{ id: string }>(
    `select id from jobs where tenant_id = $1 and subject = $2 and kind = 'provider.sync' and state = 'queued' limit 1`,
    [tenantId, providerId],
  )
  return rows[0]?.id
}
