import { z } from '@hono/zod-openapi'
import { assertProviderCan, cloudKindOf } from '#api/http/capability.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { links, time } from '#api/http/schemas.ts'
import { loadProvider } from '#api/routes/load.ts'
import { maxAgeField, readingAnswers, readThrough } from '#api/routes/readings/reading.ts'
import { assertEnabled } from '#api/routes/resources/find.ts'
import { linkTo } from '#api/views/links.ts'
import type { HealthReport } from '#shared/clouds/port.ts'

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

const number = z.number().nullable()

const metrics = z
  .object({
    provider_id: z.string(),
    observed_at: time,
    status: z.enum(['healthy', 'degraded', 'unhealthy', 'unknown']),
    window_s: z.number().openapi({ description: 'How far back the worker’s calls are counted.' }),
    calls: z.int(),
    error_rate: z.number().openapi({
      description: '0 to 1: calls that the cloud failed or left unanswered; refusals for cause do not count.',
    }),
    throttle_rate: z.number().openapi({ description: '0 to 1.' }),
    p50_ms: number,
    p95_ms: number,
    paced_per_second: number.openapi({ description: 'Null while no call is held back.' }),
    links,
  })
  .openapi('ProviderMetrics')

export const getProviderMetrics = endpoint({
  method: 'get',
  path: '/providers/{id}/metrics',
  operationId: 'getProviderMetrics',
  tag: 'Providers',
  permission: 'providers:read',
  summary: 'Get how a provider’s control plane answers',
  description: 'Latency and error rate of the calls that the asked worker made within the window.',
  query: z.strictObject({ max_age: maxAgeField('health') }),
  waits: true,
  answers: readingAnswers('The worker’s report.', metrics),
  problems: ['provider_disabled', 'capability_lacking', 'cloud_refused'],
  async handle(call) {
    const { services, principal, param, query } = call
    const provider = await loadProvider(services, principal.tenantId, param('id'))
    assertEnabled(provider)
    assertProviderCan(cloudKindOf(provider), ['health.probe'])
    const question = { provider, facet: 'health', subject: '', query: {}, maxAge: query.max_age } as const
    return readThrough<HealthReport>(call, question, ({ observedAt, result }) => ({
      provider_id: provider.id,
      observed_at: observedAt.toISOString(),
      status: result.status,
      window_s: result.windowMs / 1000,
      calls: result.calls,
      error_rate: result.errorRate,
      throttle_rate: result.throttleRate,
      p50_ms: result.p50Ms ?? null,
      p95_ms: result.p95Ms ?? null,
      paced_per_second: result.pacedPerSecond ?? null,
      links: {
        provider: linkTo(services, `/providers/${encodeURIComponent(provider.id)}`),
        health: linkTo(services, `/providers/${encodeURIComponent(provider.id)}/health`),
      },
    }))
  },
})
