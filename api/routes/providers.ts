import { inTransaction } from '#db/transaction.ts'
import { z } from '@hono/zod-openapi'
import { CloudProvider } from '#db/entities/provider.ts'
import { providerCredential, removeCredentials } from '#shared/secrets/credentials.ts'
import { callStatuses } from '#shared/clouds/calls/read.ts'
import { forgetCalls } from '#shared/clouds/calls/store.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { pageMembers, pageOf, pageQuery, readTextCursor, writeTextCursor } from '#api/http/pages.ts'
import { ApiError, notFound } from '#api/http/problem.ts'
import { etagOf, reply } from '#api/http/reply.ts'
import { loadProvider } from '#api/routes/load.ts'
import { providerHealth } from '#api/routes/provider-health.ts'
import { providerCapabilities } from '#api/routes/provider-capabilities.ts'
import { syncProvider } from '#api/routes/provider-sync.ts'
import { getProviderMetrics } from '#api/routes/readings/calls.ts'
import { listRegions } from '#api/routes/readings/provider.ts'
import { registerProvider, replaceProvider } from '#api/routes/provider-write.ts'
import { providerSchema, providerView } from '#api/views/provider.ts'

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
    const seen = await callStatuses(services.pool, principal.tenantId)
    return reply(200, {
      providers: page.map((provider) => providerView(services, provider, seen.get(provider.id))),
      next_cursor: next,
    })
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
    const seen = await callStatuses(services.pool, principal.tenantId)
    return reply(200, providerView(services, provider, seen.get(provider.id)), {
      etag: etagOf(provider.version),
    })
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
    'Forgets the account, its credentials, and what syncs have found in it. Nothing is deleted in the cloud, so what was made here must be gone and its jobs finished.',
  answers: { 204: { description: 'Removed.' } },
  problems: ['provider_in_use'],
  async handle({ services, principal, param }) {
    const { tenantId } = principal
    const id = param('id')
    await inTransaction(services.pool, async (db) => {
      const { rows } = await db.query<Use>(inUseSql, [tenantId, id])
      const [use] = rows
      if (!use) throw notFound('provider')
      if (use.vms + use.resources + use.jobs > 0)
        throw new ApiError('provider_in_use', `The provider has ${inUse(use)}.`, {
          remedy:
            'Delete what was made here and let its jobs finish (or cancel them) first. To keep new VMs off it, set enabled to false.',
          details: { live_vms: use.vms, live_resources: use.resources, unfinished_jobs: use.jobs },
        })
      for (const table of ['multicloud_vms', 'cloud_resources'])
        await db.query(`delete from ${table} where tenant_id = $1 and provider_id = $2 and found`, [
          tenantId,
          id,
        ])
      await db.query('delete from cloud_readings where tenant_id = $1 and provider_id = $2', [tenantId, id])
      await forgetCalls(db, tenantId, id)
      await db.query('delete from cloud_providers where tenant_id = $1 and id = $2', [tenantId, id])
      await removeCredentials(db, tenantId, providerCredential(id))
    })
    services.providers.forget(tenantId)
    return reply(204, null)
  },
})

export const providerEndpoints = [
  list,
  registerProvider,
  get,
  replaceProvider,
  remove,
  providerHealth,
  providerCapabilities,
  syncProvider,
  listRegions,
  getProviderMetrics,
]

interface Use {
  vms: number
  resources: number
  jobs: number
  /** Of the first few VMs and resources. */
  names: string[]
}

function inUse({ vms, resources, jobs, names }: Use): string {
  const count = (number: number, noun: string) =>
    number === 0 ? [] : [`${number} ${noun}${number === 1 ? '' : 's'}`]
  const counts = [
    ...count(jobs, 'unfinished job'),
    ...count(vms, 'live VM'),
    ...count(resources, vms > 0 ? 'other live resource' : 'live resource'),
  ].join(', ')
  const more = vms + resources > names.length ? ', …' : ''
  return names.length > 0 ? `${counts}: ${names.join(', ')}${more}` : counts
}

/**
 * What was never made in the cloud does not hold its provider, nor what a sync has found there; nor do checks and readings, which end by
 * themselves.
 */
const inUseSql = `
with p as (select tenant_id, id from cloud_providers where tenant_id = $1 and id = $2 for update),
live_vms as (
  select v.name from multicloud_vms v join p on v.tenant_id = p.tenant_id and v.provider_id = p.id
  where v.deleted_at is null and v.state <> 'terminated' and not v.found and not (v.state = 'error' and v.vm_id is null)),
live_resources as (
  select r.name from cloud_resources r join p on r.tenant_id = p.tenant_id and r.provider_id = p.id
  where r.deleted_at is null and not r.found and not (r.state = 'error' and r.cloud_id is null))
select
  (select count(*)::int from live_vms) as vms,
  (select count(*)::int from live_resources) as resources,
  (select count(*)::int from jobs j
   where j.tenant_id = p.tenant_id and j.state in ('queued', 'running', 'undoing') and j.kind not in ('provider.check', 'cloud.read')
     and p.id in (j.input ->> 'provider_id', j.input ->> 'source_provider_id', j.input ->> 'destination_provider_id')) as jobs,
  array(select name from (select name from live_vms union all select name from live_resources) as live limit 5) as names
from p`
