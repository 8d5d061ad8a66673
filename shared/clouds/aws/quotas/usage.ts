import type { MetricDataQuery } from '@aws-sdk/client-cloudwatch'
import type { ServiceQuota } from '@aws-sdk/client-service-quotas'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { describeSnapshots } from '#shared/clouds/aws/disks/snapshots.ts'
import { describeAddresses } from '#shared/clouds/aws/networks/addresses.ts'
import { describeSecurityGroups, describeVpcs } from '#shared/clouds/aws/networks/describe.ts'
import { describeVolumes } from '#shared/clouds/aws/volumes/describe.ts'

/** Latest usage by quota code, as the vendor measures it in CloudWatch's namespace AWS/Usage; that lags by some minutes. */
export async function measuredUsage(
  aws: AwsClients,
  region: string,
  quotas: readonly ServiceQuota[],
): Promise<Map<string, number>> {
  const measured = quotas.filter(({ UsageMetric, QuotaCode }) => UsageMetric?.MetricName && QuotaCode)
  const latest = new Map<string, { at: number; value: number }>()
  for (let first = 0; first < measured.length; first += queriesPerCall) {
    const some = measured.slice(first, first + queriesPerCall)
    for await (const { index, at, value } of usagePoints(aws, region, some)) {
      const code = some[index]?.QuotaCode ?? ''
      const known = latest.get(code)
      if (known === undefined || at > known.at) latest.set(code, { at, value })
    }
  }
  return new Map([...latest].map(([code, { value }]) => [code, value]))
}

/** What is there now, of what the vendor does not measure; volumes in GiB by type. */
export async function countedUsage(aws: AwsClients, region: string): Promise<Record<string, number>> {
  const [addresses, networks, groups, snapshots, gib] = await Promise.all([
    describeAddresses(aws, region, {}),
    countOf(describeVpcs(aws, region, {})),
    countOf(describeSecurityGroups(aws, region, {})),
    countOf(describeSnapshots(aws, region, { OwnerIds: ['self'] })),
    gibByType(aws, region),
  ])
  return { addresses: addresses.length, networks, security_groups: groups, snapshots, ...gib }
}

async function* usagePoints(aws: AwsClients, region: string, quotas: readonly ServiceQuota[]) {
  const EndTime = new Date()
  const StartTime = new Date(EndTime.getTime() - lookBackMs)
  const MetricDataQueries: MetricDataQuery[] = quotas.map(({ UsageMetric }, index) => ({
    Id: `q${index}`,
    MetricStat: {
      Metric: {
        Namespace: UsageMetric?.MetricNamespace,
        MetricName: UsageMetric?.MetricName,
        Dimensions: Object.entries(UsageMetric?.MetricDimensions ?? {}).map(([Name, Value]) => ({
          Name,
          Value,
        })),
      },
      Period: 300,
      Stat: UsageMetric?.MetricStatisticRecommendation ?? 'Maximum',
    },
  }))
  for (let token: string | undefined; ;) {
    const page = await aws.cloudwatch(region, 'GetMetricData', (cloudwatch, http) =>
      cloudwatch.getMetricData(
        { MetricDataQueries, StartTime, EndTime, ...(token === undefined ? {} : { NextToken: token }) },
        http,
      ),
    )
    for (const { Id = '', Timestamps = [], Values = [] } of page.MetricDataResults ?? []) {
      for (const [position, at] of Timestamps.entries()) {
        const value = Values[position]
        if (value !== undefined) yield { index: Number(Id.slice(1)), at: at.getTime(), value }
      }
    }
    token = page.NextToken
    if (token === undefined || token === '') return
  }
}

async function countOf(listing: AsyncIterable<unknown>): Promise<number> {
  let count = 0
  for await (const _ of listing) count += 1
  return count
}

async function gibByType(aws: AwsClients, region: string): Promise<Record<string, number>> {
  const gib: Record<string, number> = { gp2: 0, gp3: 0 }
  for await (const { VolumeType = '', Size = 0 } of describeVolumes(aws, region, {})) {
    gib[VolumeType] = (gib[VolumeType] ?? 0) + Size
  }
  return gib
}

/** The most that GetMetricData takes. */
const queriesPerCall = 500
const lookBackMs = 30 * 60_000
