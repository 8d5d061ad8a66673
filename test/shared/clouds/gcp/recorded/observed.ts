import { expect } from 'vitest'
import type { RecordedCase } from '#test/shared/clouds/recorded.ts'

const docs = 'https://cloud.google.com'
const region = 'europe-west1'
const vm = { region, id: 'zones/europe-west1-b/instances/vm-1' }
const [from, to] = [new Date('2024-05-06T07:00:00Z'), new Date('2024-05-06T07:10:00Z')]
const days = { from: new Date('2024-05-06T00:00:00Z'), to: new Date('2024-05-07T00:00:00Z') }

/** Responses of metrics, quotas, prices and bills. */
export const observedCases: RecordedCase[] = [
  {
    title: 'series of points, newest first, as fractions and as whole numbers',
    source: `${docs}/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list`,
    replies: [
      { file: 'instance-number.json', to: '/instances/vm-1' },
      { file: 'timeseries-cpu.json', to: 'cpu%2Futilization' },
      { file: 'timeseries-network.json', to: 'received_bytes_count' },
    ],
    call: (cloud) =>
      cloud.metrics.vm(vm, { from, to, periodS: 300, metrics: ['cpu_percent', 'network_in_bytes'] }),
    gives: [
      {
        metric: 'cpu_percent',
        points: [
          { at: new Date('2024-05-06T07:00:00Z'), value: 50 },
          { at: new Date('2024-05-06T07:05:00Z'), value: 100 },
        ],
      },
      { metric: 'network_in_bytes', points: [{ at: new Date('2024-05-06T07:00:00Z'), value: 2048 }] },
    ],
  },
  {
    title: 'a service that is not turned on in the project',
    source: `${docs}/apis/design/errors#error_info`,
    replies: [
      { file: 'instance-number.json', to: '/instances/vm-1' },
      { file: 'monitoring-error-disabled.http', to: '/timeSeries' },
    ],
    call: (cloud) => cloud.metrics.vm(vm, { from, to, periodS: 300, metrics: ['cpu_percent'] }),
    throws: {
      code: 'forbidden',
      kind: 'permanent',
      vendorCode: 'SERVICE_DISABLED',
      remedy: 'Enable the API that the message names in the project.',
    },
  },
  {
    title: 'quotas of a region and of the project, those of both once',
    source: `${docs}/compute/docs/reference/rest/v1/regions/get`,
    replies: [
      { file: 'region-quotas.json', to: '/regions/europe-west1' },
      { file: 'project-quotas.json', to: 'GET /compute/v1/projects/my-project ' },
    ],
    call: async (cloud) => {
      const quotas = await cloud.quotas.list(region)
      for (const quota of quotas)
        expect(quota).toMatchObject({ region, name: expect.stringMatching(/\S/) as string })
      return quotas.map((quota) => ({ ...quota, name: undefined, region: undefined }))
    },
    gives: [
      { id: 'CPUS', kind: 'vcpus', limit: 72, used: 8, unit: 'vCPU' },
      { id: 'DISKS_TOTAL_GB', kind: 'volume_gib', limit: 40_960, used: 210, unit: 'GiB' },
      { id: 'PREEMPTIBLE_CPUS', limit: 0, used: 0, unit: 'vCPU' },
      { id: 'N2_CPUS', kind: 'vcpus', family: 'n2', limit: 24, used: 4, unit: 'vCPU' },
      { id: 'NVIDIA_T4_GPUS', limit: 1, used: 0, unit: 'GPU' },
      { id: 'STATIC_ADDRESSES', kind: 'addresses', limit: 8, used: 1, unit: 'count' },
      { id: 'SNAPSHOTS', kind: 'snapshots', limit: 5000, used: 12, unit: 'count' },
      { id: 'NETWORKS', kind: 'networks', limit: 5, used: 1, unit: 'count' },
    ],
  },
  {
    title: 'prices of vCPUs and memory, of which a shared-core type pays a part, and of disks',
    source: `${docs}/billing/docs/reference/rest/v1/services.skus/list`,
    replies: [
      { file: 'skus-page-1.json', to: '/skus' },
      { file: 'skus-page-2.json', to: 'pageToken=AB0z' },
      { file: 'region-quotas.json', to: '/regions/europe-west1' },
      { file: 'machine-types.json', to: '/machineTypes' },
    ],
    call: async (cloud) =>
      (await Array.fromAsync(cloud.prices.list({ region }))).map(({ sku, model, price, unit }) => [
        sku,
        model,
        price,
        unit,
      ]),
    gives: [
      ['e2-small', 'on_demand', { amount: '0.0184285', currency: 'USD' }, 'hour'],
      ['pd-standard', 'on_demand', { amount: '0.04', currency: 'USD' }, 'gib_month'],
    ],
  },
  {
    title: 'a bill whose query takes its time, with a credit and a tax',
    source: `${docs}/bigquery/docs/reference/rest/v2/jobs/getQueryResults`,
    replies: [
      { file: 'bigquery-running.json', to: 'POST /bigquery/v2/projects/my-project/queries' },
      {
        file: 'bigquery-rows.json',
        to: 'GET /bigquery/v2/projects/my-project/queries/job_Xk2mVvE8?location=EU',
      },
    ],
    call: (cloud) => Array.fromAsync(cloud.billing.rows(days)),
    gives: [
      {
        BilledCost: '0.951664',
        EffectiveCost: '0.951664',
        ListCost: '1.3',
        ContractedCost: '1.151664',
        BillingCurrency: 'EUR',
        BillingAccountId: '01C0DE-4B0001-ABCDEF',
        SubAccountId: 'my-project',
        BillingPeriodStart: new Date('2024-05-01T00:00:00Z'),
        BillingPeriodEnd: new Date('2024-06-01T00:00:00Z'),
        ChargePeriodStart: days.from,
        ChargePeriodEnd: days.to,
        ChargeCategory: 'Usage',
        ChargeDescription: 'Spot Preemptible E2 Instance Core running in Belgium',
        ChargeFrequency: 'Usage-Based',
        PricingCategory: 'Dynamic',
        ProviderName: 'Google Cloud',
        PublisherName: 'Google Cloud',
        InvoiceIssuerName: 'Google Cloud',
        ServiceCategory: 'Compute',
        ServiceName: 'Compute Engine',
        RegionId: 'europe-west1',
        AvailabilityZone: 'europe-west1-b',
        ResourceId: 'projects/my-project/zones/europe-west1-b/instances/4234567890123456789',
        ResourceName: 'vm-1',
        SkuId: 'CF4E-A0C7-E3BF',
        ConsumedQuantity: '172800',
        ConsumedUnit: 'seconds',
        PricingQuantity: '48',
        PricingUnit: 'hour',
        Tags: { team: 'ledger' },
      },
      {
        BilledCost: '0.19',
        EffectiveCost: '0.19',
        ListCost: '0.19',
        ContractedCost: '0.19',
        BillingCurrency: 'EUR',
        BillingAccountId: '01C0DE-4B0001-ABCDEF',
        BillingPeriodStart: new Date('2024-05-01T00:00:00Z'),
        BillingPeriodEnd: new Date('2024-06-01T00:00:00Z'),
        ChargePeriodStart: days.from,
        ChargePeriodEnd: days.to,
        ChargeCategory: 'Tax',
        ChargeDescription: 'Tax',
        ChargeFrequency: 'Usage-Based',
        PricingCategory: 'Standard',
        ProviderName: 'Google Cloud',
        PublisherName: 'Google Cloud',
        InvoiceIssuerName: 'Google Cloud',
        ServiceCategory: 'Other',
        ServiceName: 'Invoice',
        SkuId: 'AAAA-BBBB-CCCC',
        Tags: {},
      },
    ],
  },
  {
    title: 'an export table that is not there',
    source: `${docs}/bigquery/docs/error-messages`,
    replies: ['bigquery-error-table.http'],
    call: (cloud) => Array.fromAsync(cloud.billing.rows(days)),
    throws: {
      code: 'not_found',
      kind: 'permanent',
      vendorCode: 'notFound',
      operation: 'bigquery.jobs.query',
    },
  },
]
