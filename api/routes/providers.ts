import { z } from '@hono/zod-openapi'
import { CloudProvider, type ProviderConfig } from '#db/entities/provider.ts'
import { providerCredential, removeCredentials, storeCredentials } from '#shared/secrets/credentials.ts'
import { command, inTransaction, announce } from '#api/http/command.ts'
import { endpoint, type Call } from '#api/http/endpoint.ts'
import { pageMembers, pageOf, pageQuery, readTextCursor, writeTextCursor } from '#api/http/pages.ts'
import { assertMatches } from '#api/http/precondition.ts'
import { afterWait } from '#api/http/prefer.ts'
import { ApiError, invalid, notFound } from '#api/http/problem.ts'
import { etagOf, reply } from '#api/http/reply.ts'
import { links, warnings } from '#api/http/schemas.ts'
import { loadJobView, loadProvider } from '#api/routes/load.ts'
import { submitCheck } from '#api/routes/provider-check.ts'
import { registerBody, replaceBody, soundConfig, type SoundConfig } from '#api/routes/provider-input.ts'
import { freshJob, jobSchema, jobView } from '#api/views/job.ts'
import { linkTo } from '#api/views/links.ts'
import { healthSchema, healthView, providerSchema, providerView } from '#api/views/provider.ts'

const accepted = z
  .object({ provider: providerSchema, job: jobSchema, warnings, links })
  .openapi('ProviderAnswer', {
    description: 'The provider, and the job that checks whether it can be reached.',
  })

const list = endpoint({
  method: 'get',
  path: '/providers',
  operationId: 'listProviders',
  tag: 'Providers',
  permission: 'providers:read',
  summary: 'List providers',
  description: 'Ordered by id.',
  query: z.strictObject({
    ...pageQuery,
    type: z.string().max(50).optional(),
    enabled: z.enum(['true', 'false']).optional(),
  }),
  answers: {
    200: {
      description: 'One page.',
      schema: z.object({ providers: z.array(providerSchema), ...pageMembers }),
    },
  },
  async handle({ services, principal, query }) {
    const { limit, cursor, type, enabled } = query
    const rows = await services.orm.em.fork().find(
      CloudProvider,
      {
        tenantId: principal.tenantId,
        ...(type === undefined ? {} : { type }),
        ...(enabled === undefined ? {} : { enabled: enabled === 'true' }),
        ...(cursor === undefined ? {} : { id: { $gt: readTextCursor(cursor) } }),
      },
      { orderBy: { id: 'asc' }, limit: limit + 1 },
    )
    const { page, next } = pageOf(rows, limit, ({ id }) => writeTextCursor(id))
    return reply(200, {
      providers: page.map((provider) => providerView(services, provider)),
      next_cursor: next,
    })
  },
})

const register = endpoint({
  method: 'post',
  path: '/providers',
  operationId: 'registerProvider',
  tag: 'Providers',
  permission: 'providers:manage',
  summary: 'Register a provider',
  description:
    'Keeps the account and starts a job that checks its credentials. The credentials are sealed and never shown again.',
  body: registerBody,
  waits: true,
  answers: { 201: { description: 'Registered; the check is under way.', schema: accepted } },
  problems: ['provider_exists', 'provider_type_unsupported'],
  async handle(call) {
    const { services, principal, body } = call
    const { tenantId } = principal
    const sound = soundConfig(body.provider_id, body.type, body.config, {
      credentialsRequired: true,
      allowPrivate: services.config.ALLOW_PRIVATE_NETWORKS,
    })
    let jobId: string | undefined
    const response = await command(call, async (db) => {
      await db.query('insert into tenants (id, name) values ($1, $1) on conflict do nothing', [tenantId])
      const config = keptConfig(sound, Object.keys(sound.credentials ?? {}))
      const { rows } = await db.query<{ created_at: Date; updated_at: Date }>(
        `insert into cloud_providers (tenant_id, id, name, type, config, enabled) values ($1, $2, $3, $4, $5, $6)
         on conflict do nothing returning created_at, updated_at`,
        [tenantId, body.provider_id, sound.name, body.type, JSON.stringify(config), body.enabled],
      )
      const [row] = rows
      if (!row)
        throw new ApiError('provider_exists', `A provider "${body.provider_id}" is registered already.`, {
          remedy: 'Choose another provider_id, or change the one that there is with PUT.',
          details: { links: { provider: linkTo(services, `/providers/${body.provider_id}`) } },
        })
      await storeCredentials(
        db,
        services.keyring,
        tenantId,
        providerCredential(body.provider_id),
        sound.credentials ?? {},
      )
      const check = await submitCheck(db, tenantId, body.provider_id, principal.subject)
      jobId = check.jobId
      const provider = providerView(services, {
        id: body.provider_id,
        name: sound.name,
        type: body.type,
        enabled: body.enabled,
        config,
        health: null,
        version: 1,
        createdAt: row.created_at,
        updatedAt: row.updated_at,
      })
      const job = freshJob({
        id: jobId,
        kind: 'provider.check',
        subject: body.provider_id,
        requestedBy: principal.subject,
      })
      return {
        status: 201,
        body: envelope(call, provider, jobView(services, job)),
        headers: { etag: etagOf(1), location: linkTo(services, `/providers/${body.provider_id}`) },
        jobs: [jobId],
      }
    })
    services.providers.forget(tenantId)
    return afterWait(call, response, jobId, () => currentEnvelope(call, body.provider_id, jobId ?? ''))
  },
})

const get = endpoint({
  method: 'get',
  path: '/providers/{id}',
  operationId: 'getProvider',
  tag: 'Providers',
  permission: 'providers:read',
  summary: 'Get a provider',
  answers: { 200: { description: 'The provider; its version is in `ETag`.', schema: providerSchema } },
  async handle({ services, principal, param }) {
    const provider = await loadProvider(services, principal.tenantId, param('id'))
    return reply(200, providerView(services, provider), { etag: etagOf(provider.version) })
  },
})

const replace = endpoint({
  method: 'put',
  path: '/providers/{id}',
  operationId: 'replaceProvider',
  tag: 'Providers',
  permission: 'providers:manage',
  summary: 'Change a provider',
  description:
    'Replaces the configuration and starts a new check. Credentials that are left out stay as they are.',
  body: replaceBody,
  guarded: true,
  waits: true,
  answers: { 200: { description: 'Changed; the check is under way.', schema: accepted } },
  async handle(call) {
    const { services, principal, body, param } = call
    const { tenantId } = principal
    const id = param('id')
    const before = await loadProvider(services, tenantId, id)
    assertMatches(call.c, before.version)
    assertUnchanged('provider_id', body.provider_id, id)
    assertUnchanged('type', body.type, before.type)
    const sound = soundConfig(id, before.type, body.config, {
      credentialsRequired: false,
      allowPrivate: services.config.ALLOW_PRIVATE_NETWORKS,
    })
    let jobId: string | undefined
    const response = await command(call, async (db) => {
      const fields = sound.credentials
        ? Object.keys(sound.credentials)
        : (before.config.credential_fields ?? [])
      const changed = await db.query(
        `update cloud_providers set name = $4, config = $5, enabled = $6, version = version + 1, updated_at = now()
         where tenant_id = $1 and id = $2 and version = $3`,
        [tenantId, id, before.version, sound.name, JSON.stringify(keptConfig(sound, fields)), body.enabled],
      )
      if (changed.rowCount === 0) assertMatches(call.c, before.version + 1)
      if (sound.credentials)
        await storeCredentials(db, services.keyring, tenantId, providerCredential(id), sound.credentials)
      const check = await submitCheck(db, tenantId, id, principal.subject)
      jobId = check.jobId
      return { status: 200, body: null, headers: { etag: etagOf(before.version + 1) }, jobs: [jobId] }
    })
    services.providers.forget(tenantId)
    const headers = { etag: response.headers.get('etag') ?? etagOf(before.version + 1) }
    const answer = reply(200, await currentEnvelope(call, id, jobId ?? ''), headers)
    return afterWait(call, answer, jobId, () => currentEnvelope(call, id, jobId ?? ''))
  },
})

const remove = endpoint({
  method: 'delete',
  path: '/providers/{id}',
  operationId: 'deleteProvider',
  tag: 'Providers',
  permission: 'providers:manage',
  summary: 'Remove a provider',
  description:
    'Forgets the account and its credentials. Nothing is deleted in the cloud, so its VMs must be gone and its jobs finished.',
  answers: { 204: { description: 'Removed.' } },
  problems: ['provider_in_use'],
  async handle({ services, principal, param }) {
    const { tenantId } = principal
    const id = param('id')
    await inTransaction(services, async (db) => {
      const { rows } = await db.query<{ exists: boolean; vms: number; jobs: number }>(inUseSql, [
        tenantId,
        id,
      ])
      const [use] = rows
      if (!use) throw notFound('provider')
      if (use.vms + use.jobs > 0)
        throw new ApiError(
          'provider_in_use',
          `The provider has ${use.vms} live VM(s) and ${use.jobs} unfinished job(s).`,
          {
            remedy:
              'Delete its VMs and let its jobs finish (or cancel them) first. To keep new VMs off it, set enabled to false.',
            details: { live_vms: use.vms, unfinished_jobs: use.jobs },
          },
        )
      await db.query('delete from cloud_providers where tenant_id = $1 and id = $2', [tenantId, id])
      await removeCredentials(db, tenantId, providerCredential(id))
    })
    services.providers.forget(tenantId)
    return reply(204, null)
  },
})

const health = endpoint({
  method: 'get',
  path: '/providers/{id}/health',
  operationId: 'getProviderHealth',
  tag: 'Providers',
  permission: 'providers:read',
  summary: 'Get a provider’s health',
  description:
    'What the last check found. `?refresh=true` starts a new one, or joins the one that is waiting.',
  query: z.strictObject({ refresh: z.enum(['true', 'false']).optional() }),
  waits: true,
  answers: {
    200: { description: 'The last finding.', schema: healthSchema },
    202: {
      description: 'The last finding, while a new check is under way.',
      schema: healthSchema.extend({ job: jobSchema }),
    },
  },
  async handle(call) {
    const { services, principal, query, param } = call
    const { tenantId } = principal
    const id = param('id')
    const provider = await loadProvider(services, tenantId, id)
    if (query.refresh !== 'true') return reply(200, healthView(services, provider))
    const { jobId, fresh } = await inTransaction(services, (db) =>
      submitCheck(db, tenantId, id, principal.subject),
    )
    if (fresh) announce(services, jobId)
    const now = async () => ({
      ...healthView(services, await loadProvider(services, tenantId, id)),
      job: await loadJobView(services, tenantId, jobId),
    })
    return afterWait(call, reply(202, await now()), jobId, now)
  },
})

export const providerEndpoints = [list, register, get, replace, remove, health]

const keptConfig = (sound: SoundConfig, credentialFields: string[]): ProviderConfig => ({
  regions: sound.regions,
  default_region: sound.defaultRegion,
  endpoints: sound.endpoints,
  options: sound.options,
  credential_fields: credentialFields.toSorted(),
})

const envelope = (
  { services }: Call,
  provider: ReturnType<typeof providerView>,
  job: ReturnType<typeof jobView>,
): z.input<typeof accepted> => ({
  provider,
  job,
  warnings: [],
  links: {
    provider: linkTo(services, `/providers/${encodeURIComponent(provider.id)}`),
    job: job.links['self'] ?? '',
  },
})

async function currentEnvelope(call: Call, providerId: string, jobId: string) {
  const { services, principal } = call
  const [provider, job] = await Promise.all([
    loadProvider(services, principal.tenantId, providerId),
    loadJobView(services, principal.tenantId, jobId),
  ])
  return envelope(call, providerView(services, provider), job)
}

function assertUnchanged(field: string, given: string | undefined, current: string): void {
  if (given === undefined || given === current) return
  throw invalid([
    {
      field,
      reason: 'cannot be changed',
      remedy: `Leave it out or send ${current}; register another provider instead.`,
    },
  ])
}

/** A VM that was never made in the cloud does not hold its provider; nor does a check, which ends by itself. */
const inUseSql = `
select
  (select count(*)::int from multicloud_vms v
   where v.tenant_id = p.tenant_id and v.provider_id = p.id and v.deleted_at is null and v.state <> 'terminated'
     and not (v.state = 'error' and v.vm_id is null)) as vms,
  (select count(*)::int from jobs j
   where j.tenant_id = p.tenant_id and j.state in ('queued', 'running', 'undoing') and j.kind <> 'provider.check'
     and p.id in (j.input ->> 'provider_id', j.input ->> 'source_provider_id', j.input ->> 'destination_provider_id')) as jobs
from cloud_providers p where p.tenant_id = $1 and p.id = $2 for update`
