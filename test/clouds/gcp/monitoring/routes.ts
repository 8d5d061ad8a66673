import { meanOf } from '#test/clouds/core/metrics.ts'
import { listOf, type Thing } from '#test/clouds/gcp/compute/world.ts'
import { readTimeSeriesQuery, type TimeSeriesQuery } from '#test/clouds/gcp/monitoring/query.ts'
import { metricTypes, type MetricType } from '#test/clouds/gcp/monitoring/types.ts'
import { json, Refusal } from '#test/clouds/gcp/refusal.ts'
import { cutPage } from '#test/clouds/gcp/rest.ts'
import type { Route } from '#test/clouds/gcp/route.ts'
import type { World } from '#test/clouds/gcp/world.ts'

/** Cloud Monitoring, v3: https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list */
export const monitoringRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v3/projects/{project}/timeSeries',
    operation: 'monitoring.projects.timeSeries.list',
    mutating: false,
    form: 'rpc',
    answer({ world, path, query }) {
      if (path['project'] !== world.project)
        throw new Refusal(
          403,
          'PERMISSION_DENIED',
          `Permission monitoring.timeSeries.list denied (or the resource may not exist).`,
        )
      const wanted = readTimeSeriesQuery(query)
      const type = metricTypes[wanted.metricType]
      if (!type)
        throw new Refusal(404, 'NOT_FOUND', `Cannot find metric(s) that match type = "${wanted.metricType}".`)
      const points = listOf(world.compute, 'instances')
        .filter(({ id }) => id === wanted.instanceId)
        .flatMap((instance) => seriesOf(world, instance, type, wanted))
      const list = `series ${query.get('filter')} ${query.get('interval.startTime')} ${query.get('interval.endTime')}`
      const { items, nextPageToken } = cutPage(world, query, list, points, { usual: 100_000, most: 100_000 })
      return json(200, {
        ...(items.length === 0 ? {} : { timeSeries: [viewOf(world, wanted, type, items)] }),
        unit: type.unit,
        ...(nextPageToken === undefined ? {} : { nextPageToken }),
      })
    },
  },
]

interface Point {
  startMs: number
  endMs: number
  value: number
}

/** Newest first, as the service gives them. A VM is metered while it exists and runs; a period without a whole minute of it has no point. */
function seriesOf(
  world: World,
  instance: Thing,
  { metric, scale, needsAgent }: MetricType,
  { startMs, endMs, periodMs }: TimeSeriesQuery,
): Point[] {
  if (needsAgent || instance.life.state() !== 'RUNNING') return []
  const points: Point[] = []
  for (let end = endMs; end - periodMs >= startMs; end -= periodMs) {
    const begin = end - periodMs
    if (begin > world.clock.now() || end <= instance.createdMs) continue
    points.push({ startMs: begin, endMs: end, value: meanOf(instance.path, metric, begin, end) * scale })
  }
  return points
}

const viewOf = (
  world: World,
  { metricType, instanceId, aligner }: TimeSeriesQuery,
  { unit }: MetricType,
  points: Point[],
) => ({
  metric: { type: metricType },
  resource: { type: 'gce_instance', labels: { project_id: world.project, instance_id: instanceId } },
  metricKind: 'GAUGE',
  valueType: 'DOUBLE',
  unit: aligner === 'ALIGN_RATE' ? `${unit}/s` : unit,
  points: points.map(({ startMs, endMs, value }) => ({
    interval: { startTime: new Date(startMs).toISOString(), endTime: new Date(endMs).toISOString() },
    value: { doubleValue: value },
  })),
})
