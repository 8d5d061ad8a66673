import { z } from '@hono/zod-openapi'
import type { PoolClient } from 'pg'
import type { ProviderEntry } from '#api/provider-directory.ts'
import { command } from '#api/http/command.ts'
import type { Call } from '#api/http/endpoint.ts'
import { afterWait } from '#api/http/prefer.ts'
import { links, warnings } from '#api/http/schemas.ts'
import { loadJobView } from '#api/routes/load.ts'
import { findResource } from '#api/routes/resources/find.ts'
import { kindsOfRoutes, type KindOfRoute } from '#api/routes/resources/kinds.ts'
import { freshJob, jobSchema, jobView } from '#api/views/job.ts'
import { resourceView, type ResourceFacts, type ResourceView } from '#api/views/resource.ts'
import { newId } from '#shared/ids.ts'
import type { Kind } from '#shared/jobs/outlines.ts'
import { submitJob } from '#shared/jobs/submit.ts'
import { idPrefixes, type ResourceKind } from '#shared/resources/kinds.ts'

/** The answer to whatever starts a job on a resource: the resource under its own name, and the job. */
export const jobAnswer = ({ one, name, schema }: KindOfRoute) =>
  z
    .object({ [one]: schema, job: jobSchema, warnings, links })
    .openapi(`${name}Answer`, { description: 'What it is about, and the job that works on it.' })

export const jobAnswers = (kind: KindOfRoute) => ({
  200: {
    description: 'The job has finished while the answer was held (`Prefer: wait`).',
    schema: jobAnswer(kind),
  },
  202: { description: 'Accepted.', schema: jobAnswer(kind) },
})

export interface NewResource {
  kind: ResourceKind
  /** The chain that makes it. */
  job: Kind
  provider: ProviderEntry
  region: string
  name: string
  tags: Record<string, string>
  spec: object
  /** As it was asked for, kept for people. */
  request: object
  /** What is known of it before the cloud has made it. */
  observed?: Record<string, unknown>
  /** What is made along with it, e.g. a network's subnets. */
  others?: { kind: ResourceKind; id: string; name: string; observed: Record<string, unknown> }[]
  warnings?: string[]
}

/** Puts a resource into the books and submits the job that makes it. */
export async function submitCreation(call: Call, made: NewResource): Promise<Response> {
  const { services, principal } = call
  const { kind, provider, region, name, tags, spec, observed = {}, others = [] } = made
  const id = newId(idPrefixes[kind])
  const jobId = newId('job')
  const at = new Date()
  const row: ResourceFacts = {
    id,
    kind,
    region,
    name,
    tags,
    observed,
    providerId: provider.id,
    state: 'pending',
    createdAt: at,
    updatedAt: at,
  }
  const response = await command(call, async (db) => {
    await insert(db, principal.tenantId, row, made.request)
    for (const other of others) await insert(db, principal.tenantId, { ...row, ...other }, null)
    await submitJob(db, {
      id: jobId,
      tenantId: principal.tenantId,
      kind: made.job,
      subject: id,
      input: { resource_id: id, provider_id: provider.id, region, name, tags, spec },
      requestedBy: principal.subject,
      warnings: made.warnings ?? [],
    })
    const job = freshJob({ id: jobId, kind: made.job, subject: id, requestedBy: principal.subject }, at)
    const view = resourceView(services, row, provider.type)
    return {
      status: 202,
      body: answerOf(kind, view, jobView(services, job), made.warnings),
      headers: { location: view.links['self'] ?? '' },
      jobs: [jobId],
    }
  })
  return afterWait(call, response, jobId, () =>
    currentAnswer(call, kind, id, jobId, provider.type, made.warnings),
  )
}

/** The answer as things stand now. */
export async function currentAnswer(
  { services, principal }: Call,
  kind: ResourceKind,
  id: string,
  jobId: string,
  providerType: string | undefined,
  demands: string[] = [],
) {
  const [row, job] = await Promise.all([
    findResource(services, principal.tenantId, kind, id, undefined),
    loadJobView(services, principal.tenantId, jobId),
  ])
  return answerOf(kind, resourceView(services, row, providerType), job, demands)
}

export const answerOf = (
  kind: ResourceKind,
  view: ResourceView,
  job: ReturnType<typeof jobView>,
  demands: string[] = [],
) => ({
  [kindsOfRoutes[kind].one]: view,
  job,
  warnings: demands,
  links: {
    [kindsOfRoutes[kind].one]: view.links['self'] ?? '',
    job: job.links['self'] ?? '',
    events: job.links['events'] ?? '',
  },
})

async function insert(
  db: PoolClient,
  tenantId: string,
  row: Pick<ResourceFacts, 'id' | 'kind' | 'providerId' | 'region' | 'name' | 'state' | 'tags' | 'observed'>,
  request: object | null,
): Promise<void> {
  await db.query(
    `insert into cloud_resources (id, tenant_id, provider_id, kind, region, name, state, tags, observed, request)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      row.id,
      tenantId,
      row.providerId,
      row.kind,
      row.region,
      row.name,
      row.state,
      JSON.stringify(row.tags),
      JSON.stringify(row.observed),
      request && JSON.stringify(request),
    ],
  )
}
