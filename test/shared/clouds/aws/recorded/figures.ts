import type { RecordedCase } from '#test/shared/clouds/recorded.ts'

const region = 'eu-west-1'
const [from, to] = [new Date('2017-10-01'), new Date('2017-10-02')]
const usd = (amount: string) => ({ amount, currency: 'USD' })

const billed = {
  ProviderName: 'AWS',
  PublisherName: 'AWS',
  InvoiceIssuerName: 'Amazon Web Services, Inc.',
  BillingCurrency: 'USD',
  BillingAccountId: '123456789012',
  SubAccountId: '123456789012',
  BillingPeriodStart: from,
  BillingPeriodEnd: new Date('2017-11-01'),
  ChargePeriodStart: from,
  ChargePeriodEnd: to,
  Tags: {},
}
const costing = (amount: string) => ({
  BilledCost: amount,
  EffectiveCost: amount,
  ListCost: amount,
  ContractedCost: amount,
})

/** Responses of CloudWatch, Service Quotas, the price list and Cost Explorer. */
export const figureCases: RecordedCase[] = [
  {
    title: 'metrics on two pages, of an instance that is measured every five minutes',
    source: 'https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html',
    replies: [
      { file: 'describe-instances.xml', to: 'Action=DescribeInstances' },
      'get-metric-data-first.json',
      { file: 'get-metric-data-last.json', to: '"NextToken":"more"' },
    ],
    call: (cloud) =>
      cloud.metrics.vm(
        { region, id: 'i-1234567890abcdef0' },
        {
          from: new Date('2018-07-10T14:00:00Z'),
          to: new Date('2018-07-10T15:00:00Z'),
          // Older than 63 days: kept by the hour.
          periodS: 60,
          metrics: ['cpu_percent', 'memory_percent', 'network_in_bytes'],
        },
      ),
    gives: [
      {
        metric: 'cpu_percent',
        points: [
          { at: new Date('2018-07-10T14:00:00Z'), value: 12.5 },
          { at: new Date('2018-07-10T14:05:00Z'), value: 17 },
        ],
      },
      { metric: 'memory_percent', points: [] },
      {
        metric: 'network_in_bytes',
        points: [{ at: new Date('2018-07-10T14:00:00Z'), value: 30_000 / 3600 }],
      },
    ],
  },
  {
    title: 'quotas with the usage that CloudWatch measured last, or that was counted',
    source: 'https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListServiceQuotas.html',
    replies: [
      { file: 'list-service-quotas-ec2.json', to: '"ServiceCode":"ec2"' },
      { file: 'list-service-quotas-ebs.json', to: '"ServiceCode":"ebs"' },
      { file: 'list-service-quotas-vpc.json', to: '"ServiceCode":"vpc"' },
      { file: 'get-metric-data-usage.json', to: 'Standard/OnDemand' },
      { file: 'describe-addresses-none.xml', to: 'Action=DescribeAddresses' },
      { file: 'describe-vpcs.xml', to: 'Action=DescribeVpcs' },
      { file: 'describe-security-groups.xml', to: 'Action=DescribeSecurityGroups' },
      { file: 'describe-snapshots.xml', to: 'Action=DescribeSnapshots' },
      { file: 'describe-volumes.xml', to: 'Action=DescribeVolumes' },
    ],
    call: (cloud) => cloud.quotas.list(region),
    gives: [
      {
        id: 'ec2/L-1216C47A',
        name: 'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances',
        region,
        kind: 'vcpus',
        family: 'standard',
        limit: 1152,
        used: 96,
        unit: 'vCPU',
      },
      {
        id: 'ebs/L-7A658B76',
        name: 'Storage for General Purpose SSD (gp3) volumes, in TiB',
        region,
        kind: 'volume_gib',
        family: 'gp3',
        limit: 51_200,
        used: 0,
        unit: 'GiB',
      },
      {
        id: 'vpc/L-F678F1CE',
        name: 'VPCs per Region',
        region,
        kind: 'networks',
        limit: 5,
        used: 1,
        unit: 'network',
      },
    ],
  },
  {
    title: 'quotas that were asked for too often',
    source: 'https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListServiceQuotas.html',
    replies: ['error-quotas-throttled.http'],
    call: (cloud) => cloud.quotas.list(region),
    throws: { code: 'throttled', kind: 'throttled', vendorCode: 'TooManyRequestsException' },
  },
  {
    title: 'a price on demand, and the newest at spot',
    source: 'https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html',
    replies: [
      { file: 'get-products.json', to: 'c5.2xlarge' },
      { file: 'describe-spot-price-history.xml', to: 'Action=DescribeSpotPriceHistory' },
    ],
    call: (cloud) => Array.fromAsync(cloud.prices.list({ region, skus: ['c5.2xlarge'] })),
    gives: [
      {
        region,
        kind: 'vm',
        sku: 'c5.2xlarge',
        model: 'on_demand',
        price: usd('0.384'),
        unit: 'hour',
        asOf: new Date('2024-04-04T13:24:51Z'),
      },
      {
        region,
        zone: 'eu-west-1a',
        kind: 'vm',
        sku: 'c5.2xlarge',
        model: 'spot',
        price: usd('0.1302'),
        unit: 'hour',
        asOf: new Date('2024-04-05T08:21:12Z'),
      },
    ],
  },
  {
    title: 'a day of usage, of which some was free and some cost next to nothing, and its tax',
    source: 'https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html',
    replies: ['get-caller-identity.xml', 'get-cost-and-usage.json', 'get-cost-and-usage-other.json'],
    call: (cloud) => Array.fromAsync(cloud.billing.rows({ from, to })),
    gives: [
      {
        ...billed,
        ...costing('0.9301'),
        ChargeCategory: 'Usage',
        ChargeDescription: 'EU-SpotUsage:m5.large',
        ChargeFrequency: 'Usage-Based',
        PricingCategory: 'Dynamic',
        ServiceCategory: 'Compute',
        ServiceName: 'Amazon Elastic Compute Cloud - Compute',
        RegionId: 'eu-west-1',
        SkuId: 'EU-SpotUsage:m5.large',
        ConsumedQuantity: '24',
        ConsumedUnit: 'Hrs',
        PricingQuantity: '24',
        PricingUnit: 'Hrs',
      },
      {
        ...billed,
        ...costing('0.000000043'),
        ChargeCategory: 'Usage',
        ChargeDescription: 'EU-Requests-Tier2',
        ChargeFrequency: 'Usage-Based',
        PricingCategory: 'Standard',
        ServiceCategory: 'Storage',
        ServiceName: 'Amazon Simple Storage Service',
        RegionId: 'eu-west-1',
        SkuId: 'EU-Requests-Tier2',
        ConsumedQuantity: '1',
        ConsumedUnit: 'Requests',
        PricingQuantity: '1',
        PricingUnit: 'Requests',
      },
      {
        ...billed,
        ...costing('0.17'),
        ChargeCategory: 'Tax',
        ChargeDescription: 'Tax',
        ChargeFrequency: 'One-Time',
        ServiceCategory: 'Storage',
        ServiceName: 'Amazon Simple Storage Service',
      },
    ],
  },
  {
    title: 'costs that were asked for too often',
    source: 'https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html',
    replies: ['get-caller-identity.xml', 'error-ce-limit.http'],
    call: (cloud) => Array.fromAsync(cloud.billing.rows({ from, to })),
    throws: { code: 'throttled', kind: 'throttled', vendorCode: 'LimitExceededException' },
  },
  {
    title: 'costs of which there are none yet',
    source: 'https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html',
    replies: ['get-caller-identity.xml', 'error-ce-no-data.http'],
    call: (cloud) => Array.fromAsync(cloud.billing.rows({ from, to })),
    throws: { code: 'unavailable', kind: 'permanent', vendorCode: 'DataUnavailableException' },
  },
]
