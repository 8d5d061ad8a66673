import type { GcpClient } from '#shared/clouds/gcp/client.ts'

/** One series of `timeSeries.list`, as far as it is read. https://cloud.google.com/monitoring/api/ref_v3/rest/v3/TimeSeries */
interface TimeSeries {
  points?: {
    interval: { startTime?: string; endTime: string }
    value: { doubleValue?: number; int64Value?: string }
  }[]
}

export interface SeriesQuery {
  filter: string
  from: Date
  to: Date
  periodS: number
  aligner: 'ALIGN_MEAN' | 'ALIGN_RATE'
}

/**
 * Values by the beginning (ms) of their period, in order, aligned so that periods end with the interval, and all series that match added up. Paged
 * to the end.
 */
export async function alignedSum(
  gcp: GcpClient,
  { filter, from, to, periodS, aligner }: SeriesQuery,
): Promise<Map<number, number>> {
  const sums = new Map<number, number>()
  for (let pageToken: string | undefined; ;) {
    const page = (await gcp.rest('monitoring.projects.timeSeries.list', {
      method: 'GET',
      service: 'monitoring',
      path: `/v3/projects/${gcp.project}/timeSeries`,
      query: {
        filter,
        'interval.startTime': from.toISOString(),
        'interval.endTime': to.toISOString(),
        'aggregation.alignmentPeriod': `${periodS}s`,
        'aggregation.perSeriesAligner': aligner,
        'aggregation.crossSeriesReducer': 'REDUCE_SUM',
        view: 'FULL',
        pageSize: 10_000,
        pageToken,
      },
    })) as { timeSeries?: TimeSeries[]; nextPageToken?: string }
    for (const { points = [] } of page.timeSeries ?? []) {
      for (const { interval, value } of points) {
        const beginMs = Date.parse(interval.endTime) - periodS * 1000
        if (beginMs < from.getTime() || beginMs >= to.getTime()) continue
        const number = value.doubleValue ?? Number(value.int64Value)
        sums.set(beginMs, (sums.get(beginMs) ?? 0) + number)
      }
    }
    pageToken = page.nextPageToken
    if (!pageToken) return new Map([...sums].toSorted(([a], [b]) => a - b))
  }
}
