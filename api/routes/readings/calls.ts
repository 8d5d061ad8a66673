import { z } from '@hono/zod-openapi'
import { assertProviderCan, cloudKindOf } from '#api/http/capability.ts'
import { parseDuration } from '#api/http/duration.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { reply } from '#api/http/reply.ts'
import { links, time } from '#api/http/schemas.ts'
import { loadProvider } from '#api/routes/load.ts'
import { maxAgeField, readingAnswers, readThrough } from '#api/routes/readings/reading.ts'
import { assertEnabled } from '#api/routes/resources/find.ts'
import { linkTo } from '#api/views/links.ts'
import { quantile } from '#shared/clouds/calls/histogram.ts'
import { readCalls, type SeenCalls } from '#shared/clouds/calls/read.ts'
import { shareOf } from '#shared/clouds/calls/report.ts'
import { total, type OperationCalls } from '#shared/clouds/calls/tally.ts'

const number = z.number().nullable()
const counts = {
  calls: z.int(),
  error_rate: z.number().openapi({
    description: '0 to 1: calls that the cloud failed or left unanswered; refusals for cause do not count.',
  }),
  throttle_rate: z.number().openapi({ description: '0 to 1.' }),
  errors: z.record(z.string(), z.int()).openapi({
    description: 'How many calls ended in an error, by its code; refusals for cause too.',
    example: { throttled: 3, quota_exceeded: 1 },
  }),
  p50_ms: number,
  p95_ms: number,
  p99_ms: number,
}

const metrics = z
  .object({
    provider_id: z.string(),
    observed_at: time.openapi({ description: 'When the newest of the calls ended.' }),
    since: time.openapi({ description: 'The beginning of the first minute that has a call.' }),
    window_s: z.number().openapi({ description: 'How far back calls are counted.' }),
    workers: z.array(z.string()).openapi({ description: 'The workers that made the calls.' }),
    status: z.enum(['healthy', 'degraded', 'unhealthy', 'unknown']),
    ...counts,
    paced_per_second: number.openapi({
      description: 'Of all workers that hold calls back because the cloud throttles. Null while none does.',
    }),
    operations: z
      .array(z.object({ operation: z.string(), ...counts }))
      .openapi({ description: 'The same by the cloud’s own operations, the most called first.' }),
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
  description:
    'The calls of all workers within the window, which each writes down every ten seconds: latency (up to 5 % off), errors and throttling. If no call is younger than `max_age`, a worker makes one first.',
  query: z.strictObject({ max_age: maxAgeField('health') }),
  waits: true,
  answers: readingAnswers('What all workers saw.', metrics),
  problems: ['provider_disabled', 'capability_lacking', 'cloud_refused'],
  async handle(call) {
    const { services, principal, param, query } = call
    const { tenantId } = principal
    const provider = await loadProvider(services, tenantId, param('id'))
    assertEnabled(provider)
    assertProviderCan(cloudKindOf(provider), ['health.probe'])
    const path = `/providers/${encodeURIComponent(provider.id)}`
    const answer = (seen: SeenCalls) => ({
      provider_id: provider.id,
      ...viewOf(seen),
      links: { provider: linkTo(services, path), health: linkTo(services, `${path}/health`) },
    })
    const seen = await readCalls(services.pool, tenantId, provider.id)
    const ageMs = seen.lastCallAt ? Date.now() - seen.lastCallAt.getTime() : Infinity
    if (ageMs < (parseDuration(query.max_age) ?? 0)) return reply(200, answer(seen))

    const question = { provider, facet: 'health', subject: '', query: {}, maxAge: query.max_age } as const
    return readThrough(call, question, async () =>
      answer(await readCalls(services.pool, tenantId, provider.id)),
    )
  },
})

function viewOf({ report, operations, workers, since, lastCallAt }: SeenCalls) {
  const now = new Date()
  return {
    observed_at: (lastCallAt ?? now).toISOString(),
    since: (since ?? now).toISOString(),
    window_s: report.windowMs / 1000,
    workers,
    status: report.status,
    ...countsOf(total(operations)),
    paced_per_second: report.pacedPerSecond ?? null,
    operations: Object.entries(operations)
      .toSorted(([, a], [, b]) => b.calls - a.calls)
      .map(([operation, calls]) => ({ operation, ...countsOf(calls) })),
  }
}

const countsOf = ({ calls, faults, throttled, errors, times }: OperationCalls) => ({
  calls,
  error_rate: shareOf(faults, calls),
  throttle_rate: shareOf(throttled, calls),
  errors,
  p50_ms: quantile(times, 0.5) ?? null,
  p95_ms: quantile(times, 0.95) ?? null,
  p99_ms: quantile(times, 0.99) ?? null,
})
