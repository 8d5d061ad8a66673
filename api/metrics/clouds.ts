import type { Pool } from 'pg'
import type { Family, Sample } from '#api/metrics/exposition.ts'
import { cumulative, upperMs } from '#shared/clouds/calls/histogram.ts'
import { readAllCalls } from '#shared/clouds/calls/read.ts'
import { total } from '#shared/clouds/calls/tally.ts'

/** All calls to clouds that all workers, past ones too, have ever made: the counters fall only when a provider is removed. */
export async function cloudFamilies(db: Pool): Promise<Family[]> {
  const providers = (await readAllCalls(db)).map(({ tenantId, providerId, type, operations }) => ({
    labels: { tenant: tenantId, provider: providerId, type },
    operations,
  }))
  const byOperation = providers.flatMap(({ labels, operations }) =>
    Object.entries(operations).map(([operation, calls]) => ({ labels: { ...labels, operation }, calls })),
  )
  return [
    {
      name: 'novacron_cloud_calls_total',
      type: 'counter',
      help: 'Calls to the control plane of a provider, by its own name of the operation.',
      samples: byOperation.map(({ labels, calls: { calls } }) => ({ labels, value: calls })),
    },
    {
      name: 'novacron_cloud_call_errors_total',
      type: 'counter',
      help: 'Calls that ended in an error, by its code; refusals for cause too.',
      samples: byOperation.flatMap(({ labels, calls: { errors } }) =>
        Object.entries(errors).map(([code, value]) => ({ labels: { ...labels, code }, value })),
      ),
    },
    {
      name: 'novacron_cloud_call_duration_seconds',
      type: 'histogram',
      help: 'How long calls to the control plane of a provider took.',
      samples: providers.flatMap(({ labels, operations }) => histogramOf(labels, total(operations))),
    },
  ]
}

function histogramOf(
  labels: Readonly<Record<string, string>>,
  { calls, tookMs, times }: ReturnType<typeof total>,
): Sample[] {
  const counts = cumulative(times, shownBuckets)
  return [
    ...shownBuckets.map((bucket, index) => ({
      suffix: '_bucket' as const,
      labels: { ...labels, le: String(Number((upperMs(bucket) / 1000).toPrecision(3))) },
      value: counts[index] ?? 0,
    })),
    { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: calls },
    { suffix: '_sum', labels, value: tookMs / 1000 },
    { suffix: '_count', labels, value: calls },
  ]
}

/** Three to each power of ten, from 1 ms to 100 s: every eighth of the buckets that are counted. */
const shownBuckets = Array.from({ length: 16 }, (_, index) => index * 8)
