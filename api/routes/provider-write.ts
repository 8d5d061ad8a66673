import { z } from '@hono/zod-openapi'
import type { ProviderConfig } from '#db/entities/provider.ts'
import { providerCredential, storeCredentials } from '#shared/secrets/credentials.ts'
import { command } from '#api/http/command.ts'
import { endpoint, type Call } from '#api/http/endpoint.ts'
import { assertMatches } from '#api/http/precondition.ts'
import { afterWait } from '#api/http/prefer.ts'
import { ApiError, invalid } from '#api/http/problem.ts'
import { etagOf, reply } from '#api/http/reply.ts'
import { links, warnings } from '#api/http/schemas.ts'
import { loadJobView, loadProvider } from '#api/routes/load.ts'
import { submitCheck } from '#api/routes/provider-check.ts'
import { registerBody, replaceBody, soundConfig, type SoundConfig } from '#api/routes/provider-input.ts'
import { freshJob, jobSchema, jobView } from '#api/views/job.ts'
import { linkTo } from '#api/views/links.ts'
import { providerSchema, providerView } from '#api/views/provider.ts'

const accepted = z
  .object({ provider: providerSchema, job: jobSchema, warnings, links })
  .openapi('ProviderAnswer', {
    description: 'The provider, and the job that checks whether it can be reached.',
  })

export const registerProvider = endpoint({
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
      allowLocal: services.config.ALLOW_LOCAL_HYPERVISORS,
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

export const replaceProvider = endpoint({
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
      allowLocal: services.config.ALLOW_LOCAL_HYPERVISORS,
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
