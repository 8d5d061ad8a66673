import type { Metric, MetricValue } from '@azure/arm-monitor'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { vmTarget } from '#shared/clouds/azure/compute/vms.ts'
import { armId } from '#shared/clouds/azure/names.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { MetricSeries, MetricsFacet, VmMetric } from '#shared/clouds/port.ts'

/** Metrics of the host, which are there without an agent; kept by Azure for 93 days. */
export function createMetrics(client: AzureClient): MetricsFacet {
  return {
    offered: Object.keys(sources) as VmMetric[],
    async vm(ref, { from, to, periodS, metrics }) {
      check(from, to, periodS)
      if (metrics.length === 0) return []
      const grain = grains.find(({ seconds }) => periodS % seconds === 0) ?? oneMinute
      const found = await client.call('Metrics_List', () =>
        client.monitor.metrics.list(armId(vmTarget(client, ref)).slice(1), {
          timespan: `${from.toISOString()}/${to.toISOString()}`,
          interval: grain.iso,
          metricnames: metrics.map((metric) => sources[metric].name).join(','),
          aggregation: 'Average,Total',
          autoAdjustTimegrain: false,
        }),
      )
      return metrics.map((metric) => {
        const values = valuesOf(found.value, sources[metric].name)
        return { metric, points: pointsOf(values, metric, { from, to, periodS, grainS: grain.seconds }) }
      })
    },
  }
}

/** Of a grain: a sum that becomes a rate, or an average; `invert` takes what is left of 100. */
interface Source {
  name: string
  of: 'total' | 'average'
  invert?: true
}

/** https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-compute-virtualmachines-metrics */
const sources: Record<VmMetric, Source> = {
  cpu_percent: { name: 'Percentage CPU', of: 'average' },
  memory_percent: { name: 'Available Memory Percentage', of: 'average', invert: true },
  network_in_bytes: { name: 'Network In Total', of: 'total' },
  network_out_bytes: { name: 'Network Out Total', of: 'total' },
  disk_read_bytes: { name: 'Disk Read Bytes', of: 'total' },
  disk_write_bytes: { name: 'Disk Write Bytes', of: 'total' },
  disk_read_ops: { name: 'Disk Read Operations/Sec', of: 'average' },
  disk_write_ops: { name: 'Disk Write Operations/Sec', of: 'average' },
}

/** The grains that VMs' metrics are given in, coarse ones first. */
const grains = [
  { iso: 'P1D', seconds: 86_400 },
  { iso: 'PT12H', seconds: 43_200 },
  { iso: 'PT6H', seconds: 21_600 },
  { iso: 'PT1H', seconds: 3600 },
  { iso: 'PT30M', seconds: 1800 },
  { iso: 'PT15M', seconds: 900 },
  { iso: 'PT5M', seconds: 300 },
]
const oneMinute = { iso: 'PT1M', seconds: 60 }

const valuesOf = (metrics: Metric[], name: string): MetricValue[] =>
  metrics
    .filter((metric) => metric.name.value.toLowerCase() === name.toLowerCase())
    .flatMap(({ timeseries }) => timeseries.flatMap(({ data = [] }) => data))

/** Grains gathered into periods, which count from `from`: the mean of their rates. */
function pointsOf(
  values: MetricValue[],
  metric: VmMetric,
  { from, to, periodS, grainS }: { from: Date; to: Date; periodS: number; grainS: number },
): MetricSeries['points'] {
  const { of, invert } = sources[metric]
  const periods = new Map<number, { sum: number; count: number }>()
  for (const value of values) {
    const measured = value[of]
    const atMs = value.timeStamp.getTime()
    if (measured === undefined || atMs < from.getTime() || atMs >= to.getTime()) continue
    const index = Math.floor((atMs - from.getTime()) / 1000 / periodS)
    const period = periods.get(index) ?? { sum: 0, count: 0 }
    period.sum += of === 'total' ? measured / grainS : measured
    period.count += 1
    periods.set(index, period)
  }
  return [...periods]
    .toSorted(([a], [b]) => a - b)
    .map(([index, { sum, count }]) => ({
      at: new Date(from.getTime() + index * periodS * 1000),
      value: invert ? 100 - sum / count : sum / count,
    }))
}

function check(from: Date, to: Date, periodS: number): void {
  if (!Number.isInteger(periodS / 60) || periodS <= 0)
    throw refused('periodS', `is ${periodS} and not a multiple of 60`, 'Use whole minutes.')
  if (from.getTime() >= to.getTime()) throw refused('to', 'is not after from', 'Swap them.')
}

const refused = (field: string, reason: string, remedy: string): CloudError =>
  new CloudError(`${field} ${reason}.`, {
    cloud: 'azure',
    operation: 'Metrics_List',
    code: 'invalid_request',
    remedy,
    details: { field },
  })
