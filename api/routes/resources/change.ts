import type { PoolClient } from 'pg'
import type { CloudResource } from '#db/entities/resource.ts'
import { assertProviderCan } from '#api/http/capability.ts'
import { command } from '#api/http/command.ts'
import type { Call } from '#api/http/endpoint.ts'
import { assertMatches } from '#api/http/precondition.ts'
import { afterWait } from '#api/http/prefer.ts'
import { ApiError } from '#api/http/problem.ts'
import { etagOf } from '#api/http/reply.ts'
import { assertEnabled, findResource, nounOf } from '#api/routes/resources/find.ts'
import { answerOf, currentAnswer } from '#api/routes/resources/submit.ts'
import { freshJob, jobView } from '#api/views/job.ts'
import { linkTo } from '#api/views/links.ts'
import { factsOf, resourceView } from '#api/views/resource.ts'
import { newId } from '#shared/ids.ts'
import type { Kind } from '#shared/jobs/outlines.ts'
import { submitJob } from '#shared/jobs/submit.ts'
import type { Operation } from '#shared/clouds/operations.ts'
import type { ResourceKind } from '#shared/resources/kinds.ts'

export interface ResourceChange {
  kind: ResourceKind
  job: Kind
  operation: Operation
  /** For messages: `deleted`, `attached`. */
  verb: string
  /** The request's `If-Match` must name the version that is changed. */
  guarded?: boolean
  /** May be done to what was never made in its cloud. */
  unmade?: boolean
  /** The state that the row takes at once. */
  state?: 'deleting'
  /** The job's input beyond the resource itself. */
  input?: object
  /** Throws ApiError where it cannot work; of the row as it is in the moment of the change. */
  assertPossible?(row: CloudResource): void
}

/** Submits the job of a change or deletion, one at a time for each resource. */
export async function submitChange(
  call: Call,
  named: CloudResource,
  change: ResourceChange,
): Promise<Response> {
  const { services, principal } = call
  const { kind } = change
  const { tenantId } = principal
  const provider = (await services.providers.of(tenantId)).find(({ id }) => id === named.providerId)
  if (provider) {
    assertEnabled(provider)
    assertProviderCan(provider, [change.operation])
  }
  if (change.guarded) assertMatches(call.c, named.version)
  const jobId = newId('job')
  const response = await command(call, async (db) => {
    await assertIdle(call, db, named)
    // Again, now that no other command for it can come in between.
    const row = await findResource(services, tenantId, kind, named.id, undefined)
    assertThere(row, change)
    change.assertPossible?.(row)
    if (change.guarded) assertMatches(call.c, row.version)
    const version = await touch(db, row, change)
    await submitJob(db, {
      id: jobId,
      tenantId,
      kind: change.job,
      subject: row.id,
      input: {
        resource_id: row.id,
        provider_id: row.providerId,
        region: row.region,
        cloud_id: row.cloudId ?? null,
        observed: row.observed,
        ...change.input,
      },
      requestedBy: principal.subject,
    })
    const job = freshJob({ id: jobId, kind: change.job, subject: row.id, requestedBy: principal.subject })
    const view = resourceView(services, { ...factsOf(row), state: change.state ?? row.state }, provider?.type)
    return {
      status: 202,
      body: answerOf(kind, view, jobView(services, job)),
      headers: {
        location: linkTo(services, `/jobs/${jobId}`),
        ...(change.guarded ? { etag: etagOf(version) } : {}),
      },
      jobs: [jobId],
    }
  })
  return afterWait(call, response, jobId, () => currentAnswer(call, kind, named.id, jobId, provider?.type))
}

/** Takes the resource's lock until the end of the transaction. @throws ApiError `resource_busy`. */
async function assertIdle(
  { services, principal }: Call,
  db: PoolClient,
  { id, kind }: CloudResource,
): Promise<void> {
  await db.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
    `resource ${principal.tenantId} ${id}`,
  ])
  const { rows } = await db.query<{ id: string; kind: string }>(
    `select id, kind from jobs where tenant_id = $1 and subject = $2 and state in ('queued', 'running', 'undoing') limit 1`,
    [principal.tenantId, id],
  )
  const [job] = rows
  if (job)
    throw new ApiError(
      'resource_busy',
      `The job ${job.id} (${job.kind}) is working on the ${nounOf(kind)}.`,
      {
        remedy: 'Wait until it has finished, or cancel it.',
        details: { links: { job: linkTo(services, `/jobs/${job.id}`) } },
      },
    )
}

function assertThere(row: CloudResource, { kind, verb, unmade = false }: ResourceChange): void {
  if (row.deletedAt || row.state === 'deleted')
    throw new ApiError('resource_state', `The ${nounOf(kind)} is deleted, so it cannot be ${verb}.`, {
      remedy: 'Create a new one.',
      details: { state: row.state },
    })
  if (!row.cloudId && !unmade)
    throw new ApiError(
      'resource_state',
      `The ${nounOf(kind)} was never made in its cloud, so it cannot be ${verb}.`,
      {
        remedy: 'Look at its create job, which can be retried; or delete it.',
        details: { state: row.state },
      },
    )
}

/** @returns the row's version from now on. */
async function touch(
  db: PoolClient,
  row: CloudResource,
  { guarded = false, state }: ResourceChange,
): Promise<number> {
  await db.query(
    `update cloud_resources set version = version + $2::int, state = coalesce($3, state), updated_at = clock_timestamp() where id = $1`,
    [row.id, guarded ? 1 : 0, state ?? null],
  )
  return row.version + (guarded ? 1 : 0)
}
