import type { MetricDataQuery, MetricDataResult } from '@aws-sdk/client-cloudwatch'
import type { CloudRef, MetricSeries, MetricsFacet, VmMetric } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { findInstance } from '#shared/clouds/aws/compute/instances.ts'

/** What EC2 measures of an instance from outside: "List the available CloudWatch metrics for your instances". */
const vendorMetrics: Partial<Record<VmMetric, string>> = {
  cpu_percent: 'CPUUtilization',
  network_in_bytes: 'NetworkIn',
  network_out_bytes: 'NetworkOut',
  disk_read_bytes: 'EBSReadBytes',
  disk_write_bytes: 'EBSWriteBytes',
  disk_read_ops: 'EBSReadOps',
  disk_write_ops: 'EBSWriteOps',
}

/** Metrics of instances in CloudWatch. Those of disks are there for types of the Nitro system alone. */
export const createMetrics = (aws: AwsClients): MetricsFacet => ({
  offered: Object.keys(vendorMetrics) as VmMetric[],
  async vm(ref, query) {
    const periodS = await periodFor(aws, ref, query)
    const asked = [...new Set(query.metrics)].filter((metric) => vendorMetrics[metric] !== undefined)
    const points = new Map<string, MetricSeries['points']>(asked.map((metric) => [metric, []]))
    for await (const { Id = '', Timestamps = [], Values = [] } of results(
      aws,
      ref,
      { ...query, periodS },
      asked,
    )) {
      const series = points.get(Id)
      for (const [index, at] of Timestamps.entries()) {
        const value = Values[index]
        if (value === undefined || at < query.from || at >= query.to) continue
        series?.push({ at, value: Id === 'cpu_percent' ? value : value / periodS })
      }
    }
    return query.metrics.map((metric) => ({
      metric,
      points: (points.get(metric) ?? []).toSorted((a, b) => a.at.getTime() - b.at.getTime()),
    }))
  },
})

type Range = Parameters<MetricsFacet['vm']>[1]

/**
 * The period that sums can be turned into rates with: never shorter than the instance is measured (five minutes, or one with detailed monitoring),
 * nor than CloudWatch keeps for the age asked for (15 days by the minute, 63 by five, then by the hour).
 */
async function periodFor(aws: AwsClients, ref: CloudRef, { from, periodS }: Range): Promise<number> {
  const ageDays = (Date.now() - from.getTime()) / 86_400_000
  const keptS = ageDays > 63 ? 3600 : ageDays > 15 ? 300 : 60
  const instance = await findInstance(aws, ref)
  const measuredS = instance?.Monitoring?.State === 'enabled' ? 60 : 300
  const stepS = Math.max(keptS, measuredS)
  return Math.ceil(periodS / stepS) * stepS
}

async function* results(
  aws: AwsClients,
  { region, id }: CloudRef,
  { from, to, periodS }: Range,
  metrics: readonly VmMetric[],
): AsyncGenerator<MetricDataResult> {
  if (metrics.length === 0) return
  const MetricDataQueries: MetricDataQuery[] = metrics.map((metric) => ({
    Id: metric,
    MetricStat: {
      Metric: {
        Namespace: 'AWS/EC2',
        MetricName: vendorMetrics[metric],
        Dimensions: [{ Name: 'InstanceId', Value: id }],
      },
      Period: periodS,
      Stat: metric === 'cpu_percent' ? 'Average' : 'Sum',
    },
  }))
  for (let token: string | undefined; ;) {
    const page = await aws.cloudwatch(region, 'GetMetricData', (cloudwatch, http) =>
      cloudwatch.getMetricData(
        {
          MetricDataQueries,
          StartTime: from,
          EndTime: to,
          ScanBy: 'TimestampAscending',
          ...(token === undefined ? {} : { NextToken: token }),
        },
        http,
      ),
    )
    yield* page.MetricDataResults ?? []
    token = page.NextToken
    if (token === undefined || token === '') return
  }
}
