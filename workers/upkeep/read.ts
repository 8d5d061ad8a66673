import type { Cloud, CloudRef, VmMetric } from '#shared/clouds/port.ts'
import { stepsOf } from '#shared/jobs/chain.ts'
import type { ReadingFacet, ReadingInput } from '#shared/resources/readings.ts'

const step = stepsOf<ReadingInput, object>()

/** Asks a cloud one question and keeps the answer, in place of the one before. */
export const read = step('read', {
  effect: 'none',
  // Somebody waits for the answer; whoever still wants it later asks again.
  retry: { attempts: 3, delayMs: 500, maxDelayMs: 5_000 },
  async run(context) {
    const { input, tenantId } = context
    const cloud = await context.cloud(input.provider_id)
    const observedAt = new Date()
    const result = await readers[input.facet](cloud, input.query)
    context.alsoWrite({
      text: `insert into cloud_readings (tenant_id, id, provider_id, facet, subject, query, result, observed_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8)
             on conflict (tenant_id, id) do update set result = excluded.result, observed_at = excluded.observed_at
             where cloud_readings.observed_at < excluded.observed_at`,
      values: [
        tenantId,
        input.reading_id,
        input.provider_id,
        input.facet,
        input.subject,
        JSON.stringify(input.query),
        JSON.stringify(result),
        observedAt,
      ],
    })
  },
})

type Query = ReadingInput['query']

/** Each gives what JSON can hold. */
const readers: Record<ReadingFacet, (cloud: Cloud, query: Query) => Promise<unknown>> = {
  metrics: readMetrics,
  quotas: (cloud, { region = '' }) => cloud.quotas.list(region),
  prices: (cloud, { region = '', skus }) =>
    Array.fromAsync(cloud.prices.list({ region, ...(skus ? { skus } : {}) })),
  regions: (cloud) => cloud.identity.regions(),
  health: (cloud) => cloud.health.probe(),
  hosts: (cloud, { region = '' }) => Array.fromAsync(cloud.hosts.list({ region })),
}

async function readMetrics(cloud: Cloud, query: Query): Promise<unknown> {
  const { vm, period_s: periodS = 300, range_s: rangeS = 3_600 } = query
  if (!vm) throw new Error('a reading of metrics names its VM')
  // Whole periods, so that the last point is not an average of a part.
  const endMs = Math.floor(Date.now() / (periodS * 1000)) * periodS * 1000
  const to = query.to === undefined ? new Date(endMs) : new Date(query.to)
  const from = query.from === undefined ? new Date(to.getTime() - rangeS * 1000) : new Date(query.from)
  const offered = new Set<VmMetric>(cloud.metrics.offered)
  const metrics = query.metrics ?? [...offered]
  const series = await cloud.metrics.vm(vm satisfies CloudRef, {
    from,
    to,
    periodS,
    metrics: metrics.filter((one) => offered.has(one)),
  })
  return { from, to, period_s: periodS, series, not_offered: metrics.filter((one) => !offered.has(one)) }
}
