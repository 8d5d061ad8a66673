import { z } from '@hono/zod-openapi'
import { assertProviderCan, cloudKindOf } from '#api/http/capability.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { links, time } from '#api/http/schemas.ts'
import { loadProvider } from '#api/routes/load.ts'
import { maxAgeField, readingAnswers, readThrough } from '#api/routes/readings/reading.ts'
import { assertEnabled } from '#api/routes/resources/find.ts'
import { linkTo } from '#api/views/links.ts'

const regions = z
  .object({
    provider_id: z.string(),
    observed_at: time,
    regions: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        zones: z.array(z.string()),
        in_use: z.boolean().openapi({ description: 'The provider is registered with it.' }),
      }),
    ),
    links,
  })
  .openapi('Regions')

export const listRegions = endpoint({
  method: 'get',
  path: '/providers/{id}/regions',
  operationId: 'listProviderRegions',
  tag: 'Providers',
  permission: 'providers:read',
  summary: 'List a provider’s regions',
  query: z.strictObject({ max_age: maxAgeField('regions') }),
  waits: true,
  answers: readingAnswers('The regions that the account may use, with their zones.', regions),
  problems: ['provider_disabled', 'capability_lacking', 'cloud_refused'],
  async handle(call) {
    const { services, principal, param, query } = call
    const provider = await loadProvider(services, principal.tenantId, param('id'))
    assertEnabled(provider)
    assertProviderCan(cloudKindOf(provider), ['identity.regions'])
    const question = { provider, facet: 'regions', subject: '', query: {}, maxAge: query.max_age } as const
    const used = new Set(provider.config.regions)
    return readThrough<{ id: string; name: string; zones: string[] }[]>(
      call,
      question,
      ({ observedAt, result }) => ({
        provider_id: provider.id,
        observed_at: observedAt.toISOString(),
        regions: result.map((region) => ({ ...region, in_use: used.has(region.id) })),
        links: { provider: linkTo(services, `/providers/${encodeURIComponent(provider.id)}`) },
      }),
    )
  },
})
