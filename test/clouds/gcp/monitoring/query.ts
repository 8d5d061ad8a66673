import { metricTypes } from '#test/clouds/gcp/monitoring/types.ts'
import { Refusal } from '#test/clouds/gcp/refusal.ts'
import { checkNames } from '#test/clouds/gcp/rest.ts'

export interface TimeSeriesQuery {
  metricType: string
  instanceId: string
  startMs: number
  endMs: number
  periodMs: number
  aligner: string
}

/** What `timeSeries.list` is asked, checked as the service checks it: one metric of one instance, aligned and reduced. */
export function readTimeSeriesQuery(query: URLSearchParams): TimeSeriesQuery {
  checkNames('query', query.keys(), [
    'filter',
    'interval.startTime',
    'interval.endTime',
    'aggregation.alignmentPeriod',
    'aggregation.perSeriesAligner',
    'aggregation.crossSeriesReducer',
    'aggregation.groupByFields',
    'view',
    'orderBy',
    'pageSize',
    'pageToken',
  ])
  const { metricType, instanceId } = readFilter(query.get('filter'))
  const [startMs, endMs] = [readTime(query, 'interval.startTime'), readTime(query, 'interval.endTime')]
  if (startMs > endMs) throw invalid('interval.startTime', 'The start time must not be after the end time')
  const aligner = query.get('aggregation.perSeriesAligner') ?? ''
  const kind = metricTypes[metricType]?.kind
  if (!aligners.has(aligner)) throw invalid('aggregation.perSeriesAligner', `Unknown aligner "${aligner}"`)
  if (aligner === 'ALIGN_RATE' && kind === 'GAUGE')
    throw invalid('aggregation.perSeriesAligner', 'The aligner cannot be applied to metrics with kind GAUGE')
  if (aligner === 'ALIGN_MEAN' && kind === 'DELTA')
    throw invalid(
      'aggregation.perSeriesAligner',
      'The aligner cannot be applied to metrics with kind DELTA and value type INT64',
    )
  if (query.get('aggregation.crossSeriesReducer') !== 'REDUCE_SUM')
    throw invalid('aggregation.crossSeriesReducer', 'This loopback reduces by REDUCE_SUM alone')
  if (!['FULL', 'HEADERS', null].includes(query.get('view'))) throw invalid('view', 'Unknown view')
  const [, seconds] = /^(\d+)s$/.exec(query.get('aggregation.alignmentPeriod') ?? '') ?? []
  const periodMs = Number(seconds) * 1000
  if (!(periodMs >= 60_000)) throw invalid('aggregation.alignmentPeriod', 'Must be at least 60 seconds')
  return { metricType, instanceId, startMs, endMs, periodMs, aligner }
}

const aligners = new Set(['ALIGN_MEAN', 'ALIGN_RATE', 'ALIGN_SUM', 'ALIGN_MAX'])

function readFilter(filter: string | null): { metricType: string; instanceId: string } {
  if (filter === null) throw invalid('filter', 'The filter must specify a single metric type')
  const said = new Map<string, string>()
  for (const term of filter.split(/\s+AND\s+/)) {
    const [, name, value] = /^([a-z_.]+)\s*=\s*"([^"]*)"$/.exec(term.trim()) ?? []
    if (
      name === undefined ||
      value === undefined ||
      !/^(metric\.type|(resource|metric)\.labels\.[a-z_]+)$/.test(name)
    )
      throw invalid('filter', `Could not parse filter "${filter}"`)
    said.set(name, value)
  }
  const [metricType, instanceId] = [said.get('metric.type'), said.get('resource.labels.instance_id')]
  if (metricType === undefined) throw invalid('filter', 'The filter must specify a single metric type')
  if (instanceId === undefined) throw invalid('filter', 'This loopback wants resource.labels.instance_id')
  return { metricType, instanceId }
}

function readTime(query: URLSearchParams, field: string): number {
  const given = query.get(field)
  const ms = given !== null && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(given) ? Date.parse(given) : Number.NaN
  if (Number.isNaN(ms)) throw invalid(field, `Invalid time "${given}"`)
  return ms
}

const invalid = (field: string, why: string): Refusal =>
  new Refusal(400, 'INVALID_ARGUMENT', `Field ${field} had an invalid value: ${why}.`)
