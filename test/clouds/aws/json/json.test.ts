import { CloudWatch } from '@aws-sdk/client-cloudwatch'
import { CostExplorer } from '@aws-sdk/client-cost-explorer'
import { Pricing } from '@aws-sdk/client-pricing'
import { ServiceQuotas } from '@aws-sdk/client-service-quotas'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runningClock } from '#test/clouds/core/clock.ts'
import { openRaw, refusalOf, type RawAws } from '#test/clouds/aws/raw.ts'

let raw: RawAws
const clock = runningClock()
beforeAll(async () => {
  raw = await openRaw({ clock, pageLimit: 3 })
})
afterAll(() => raw.close())

const config = (region = 'us-east-1', secret = raw.aws.credentials.secret_access_key) => ({
  region,
  endpoint: raw.aws.url,
  maxAttempts: 1,
  credentials: { accessKeyId: raw.aws.credentials.access_key_id, secretAccessKey: secret },
})

test('the price list gives pages, refuses tokens of others, and is served in few regions', async () => {
  const pricing = new Pricing(config())
  const Filters = [{ Type: 'TERM_MATCH' as const, Field: 'regionCode', Value: 'eu-west-1' }]
  const first = await pricing.getProducts({ ServiceCode: 'AmazonEC2', Filters })
  expect(first.PriceList).toHaveLength(3)
  const { NextToken } = first
  expect(await refusalOf(pricing.getProducts({ ServiceCode: 'AmazonEC2', NextToken }))).toBe(
    'InvalidNextTokenException',
  )
  expect(await refusalOf(pricing.getProducts({ ServiceCode: 'AmazonEC2', MaxResults: 101 }))).toBe(
    'InvalidParameterException',
  )
  expect(await refusalOf(new Pricing(config('us-west-2')).getProducts({ ServiceCode: 'AmazonEC2' }))).toBe(
    'UnrecognizedClientException',
  )
})

test('Cost Explorer refuses a range that ends before it begins, and what it does not know', async () => {
  const ce = new CostExplorer(config())
  const ask = { Granularity: 'DAILY' as const, Metrics: ['UnblendedCost'], GroupBy: [] }
  const backwards = { ...ask, TimePeriod: { Start: '2026-11-02', End: '2026-11-01' } }
  expect(await refusalOf(ce.getCostAndUsage(backwards))).toBe('ValidationException')
  const odd = { ...ask, Metrics: ['Cost'], TimePeriod: { Start: '2026-11-01', End: '2026-11-02' } }
  expect(await refusalOf(ce.getCostAndUsage(odd))).toBe('ValidationException')
})

test('a VM that ran is on the bill, also when it is gone', async () => {
  const { ec2 } = raw
  const ce = new CostExplorer(config())
  const { Images = [] } = await ec2.describeImages({ Owners: ['099720109477'] })
  const { Instances = [] } = await ec2.runInstances({
    ImageId: Images[0]?.ImageId,
    InstanceType: 'm5.large',
    MinCount: 1,
    MaxCount: 1,
  })
  const day = (inDays: number) => new Date(clock.now() + inDays * 86_400_000).toISOString().slice(0, 10)
  const TimePeriod = { Start: day(0), End: day(2) }
  clock.advance(86_400_000)
  await ec2.terminateInstances({ InstanceIds: [Instances[0]?.InstanceId ?? ''] })
  const { ResultsByTime = [] } = await ce.getCostAndUsage({
    TimePeriod,
    Granularity: 'DAILY',
    Metrics: ['UsageQuantity'],
    GroupBy: [{ Type: 'DIMENSION', Key: 'USAGE_TYPE' }],
  })
  const used = ResultsByTime.flatMap(({ Groups = [] }) => Groups).filter(
    ({ Keys }) => Keys?.[0] === 'BoxUsage:m5.large',
  )
  const hours = used.map(({ Metrics }) => Number(Metrics?.['UsageQuantity']?.Amount))
  expect(hours.reduce((sum, each) => sum + each, 0)).toBeCloseTo(24, 0)
})

test('CloudWatch refuses a period that is no multiple of a minute, and wrong signatures', async () => {
  const query = (Period: number) => ({
    MetricDataQueries: [
      {
        Id: 'a',
        MetricStat: {
          Metric: { Namespace: 'AWS/EC2', MetricName: 'CPUUtilization', Dimensions: [] },
          Period,
          Stat: 'Average',
        },
      },
    ],
    StartTime: new Date(Date.now() - 60_000),
    EndTime: new Date(),
  })
  const cloudwatch = new CloudWatch(config())
  expect((await cloudwatch.getMetricData(query(60))).MetricDataResults?.[0]?.Values).toEqual([])
  expect(await refusalOf(cloudwatch.getMetricData(query(90)))).toBe('InvalidParameterValueException')
  const stranger = new CloudWatch(config('us-east-1', 'wrong'))
  expect(await refusalOf(stranger.getMetricData(query(60)))).toBe('InvalidSignatureException')
})

test('the vCPU quota that Service Quotas tells is the one that RunInstances keeps', async () => {
  const small = await openRaw({ vcpuQuota: 3 })
  try {
    const quotas = new ServiceQuotas({ ...config(), endpoint: small.aws.url })
    const { Quotas = [] } = await quotas.listServiceQuotas({ ServiceCode: 'ec2', QuotaCode: 'L-1216C47A' })
    expect(Quotas[0]?.Value).toBe(3)
    const { Images = [] } = await small.ec2.describeImages({ Owners: ['099720109477'] })
    const run = () =>
      small.ec2.runInstances({
        ImageId: Images[0]?.ImageId,
        InstanceType: 't3.micro',
        MinCount: 1,
        MaxCount: 1,
      })
    await run()
    expect(await refusalOf(run())).toBe('VcpuLimitExceeded')
    expect(await refusalOf(quotas.listServiceQuotas({ ServiceCode: 'sqs' }))).toBe('NoSuchResourceException')
  } finally {
    await small.close()
  }
})
