import { z } from '@hono/zod-openapi'
import type { PoolClient } from 'pg'
import type { CloudProvider } from '#db/entities/provider.ts'
import { assertProviderCan, cloudKindOf } from '#api/http/capability.ts'
import { command } from '#api/http/command.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { afterWait } from '#api/http/prefer.ts'
import { ApiError, notFound } from '#api/http/problem.ts'
import { links } from '#api/http/schemas.ts'
import { downtimeInput, maxDowntime } from '#api/routes/hosts/downtime.ts'
import { loadJobView, loadProvider } from '#api/routes/load.ts'
import { assertEnabled } from '#api/routes/resources/find.ts'
import { freshJob, jobSchema, jobView } from '#api/views/job.ts'
import { linkTo } from '#api/views/links.ts'
import { checkOnPremOptions } from '#shared/clouds/onprem/settings.ts'
import { newId } from '#shared/ids.ts'
import { submitJob } from '#shared/jobs/submit.ts'

const answer = z.object({ job: jobSchema, links }).openapi('HostAnswer')

const services = [
  {
    verb: 'drain',
    kind: 'host.drain',
    operationId: 'drainHost',
    summary: 'Take a host out of service',
    description:
      'Nothing new is placed on it, and every VM on it moves to other hosts of its location: those that run live, those that are off by copying. If one cannot go, the job says which and why, and the host is in service again. Kept volumes without a VM stay.',
    query: z.strictObject({ max_downtime: maxDowntime }),
  },
  {
    verb: 'open',
    kind: 'host.open',
    operationId: 'openHost',
    summary: 'Take a host back into service',
    description: 'New VMs may be placed on it again; none moves back by itself.',
    query: z.strictObject({}),
  },
] as const

/** Draining a host and opening it again. */
export const hostServiceEndpoints = services.map(({ verb, kind, query, ...texts }) =>
  endpoint({
    ...texts,
    method: 'post',
    path: `/providers/{id}/hosts/{host}/${verb}`,
    tag: 'Hosts',
    permission: 'providers:manage',
    query,
    waits: true,
    answers: {
      200: {
        description: 'The job has finished while the answer was held (`Prefer: wait`).',
        schema: answer,
      },
      202: { description: 'Accepted.', schema: answer },
    },
    problems: ['provider_disabled', 'capability_lacking', 'host_busy'],
    async handle(call) {
      const { services: all, principal, param } = call
      const wish: { max_downtime?: string | undefined } = call.query
      const { tenantId } = principal
      const provider = await loadProvider(all, tenantId, param('id'))
      assertEnabled(provider)
      assertProviderCan(cloudKindOf(provider), ['hosts.setMaintenance', 'hosts.relocate'])
      const { name: host, location: region } = hostOf(provider, param('host'))
      const subject = `${provider.id}/${host}`
      const jobId = newId('job')
      const render = (job: ReturnType<typeof jobView>) => ({
        job,
        links: { job: job.links['self'] ?? '', events: job.links['events'] ?? '' },
      })
      const response = await command(call, async (db) => {
        await assertHostIdle(db, tenantId, subject)
        const about = { id: jobId, kind, subject, requestedBy: principal.subject }
        await submitJob(db, {
          ...about,
          tenantId,
          input: {
            provider_id: provider.id,
            region,
            host,
            ...downtimeInput(wish.max_downtime),
          },
        })
        return {
          status: 202,
          body: render(jobView(all, freshJob(about))),
          headers: { location: linkTo(all, `/jobs/${jobId}`) },
          jobs: [jobId],
        }
      })
      return afterWait(call, response, jobId, async () => render(await loadJobView(all, tenantId, jobId)))
    },
  }),
)

/** A host of the registration. @throws ApiError `not_found`. */
function hostOf({ config }: CloudProvider, name: string): { name: string; location: string } {
  const checked = checkOnPremOptions(config.options)
  const hosts = 'options' in checked ? checked.options.hosts : []
  const found = hosts.find((host) => host.name === name)
  if (!found) throw notFound('host')
  return found
}

/** Takes the host's lock until the end of the transaction. @throws ApiError `host_busy` while another job has the host. */
async function assertHostIdle(db: PoolClient, tenantId: string, subject: string): Promise<void> {
  await db.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`host ${tenantId} ${subject}`])
  const { rows } = await db.query<{ id: string; kind: string }>(
    `select id, kind from jobs where tenant_id = $1 and subject = $2 and kind in ('host.drain', 'host.open')
       and state in ('queued', 'running', 'undoing') limit 1`,
    [tenantId, subject],
  )
  const [busy] = rows
  if (busy)
    throw new ApiError('host_busy', `The job ${busy.id} (${busy.kind}) is working on the host.`, {
      remedy: 'Wait until it has finished, or cancel it.',
    })
}
