import { expect } from 'vitest'
import { at, computeAt } from '#test/shared/clouds/azure/recorded/places.ts'
import type { RecordedCase } from '#test/shared/clouds/recorded.ts'

const docs = 'https://learn.microsoft.com/rest/api'
const subscription = '11111111-2222-3333-4444-555555555555'
const priced = { region: 'westus', asOf: expect.any(Date) as Date }
const from = new Date('2024-05-01T00:00:00Z')
const day = { from, to: new Date('2024-05-02T00:00:00Z') }

/** What rows of FOCUS have in common here. */
const charge = {
  BillingCurrency: 'USD',
  BillingAccountId: `/subscriptions/${subscription}`,
  SubAccountId: subscription,
  BillingPeriodStart: from,
  BillingPeriodEnd: new Date('2024-06-01T00:00:00Z'),
  ChargePeriodStart: from,
  ChargePeriodEnd: day.to,
  ProviderName: 'Microsoft Azure',
  PublisherName: 'Microsoft',
  InvoiceIssuerName: 'Microsoft',
  Tags: {},
}
const effective = (amount: string) => ({
  EffectiveCost: amount,
  ListCost: amount,
  ContractedCost: amount,
})
const measured = (quantity: string, unit: string) => ({
  ConsumedQuantity: quantity,
  ConsumedUnit: unit,
  PricingQuantity: quantity,
  PricingUnit: unit,
})
const reserved = {
  ...charge,
  ChargeDescription: 'Reserved VM Instance',
  PricingCategory: 'Committed',
  ServiceCategory: 'Compute',
  ServiceName: 'Virtual Machines',
  SkuId: 'c3d4',
}

/** Responses of metrics, quotas, prices and billing. */
export const observedCases: RecordedCase[] = [
  {
    title: 'metrics: averages, sums that become rates, grains without a value, and none at all',
    source: `${docs}/monitor/metrics/list`,
    replies: ['metrics-list.json'],
    call: (cloud) =>
      cloud.metrics.vm(at(computeAt('virtualMachines/myVM')), {
        from,
        to: new Date('2024-05-01T00:10:00Z'),
        periodS: 300,
        metrics: ['cpu_percent', 'network_in_bytes', 'memory_percent'],
      }),
    gives: [
      { metric: 'cpu_percent', points: [{ at: from, value: 12.5 }] },
      {
        metric: 'network_in_bytes',
        points: [
          { at: from, value: 100 },
          { at: new Date('2024-05-01T00:05:00Z'), value: 0 },
        ],
      },
      { metric: 'memory_percent', points: [] },
    ],
  },
  {
    title: 'quotas of three services, of which placement knows some',
    source: `${docs}/compute/usage/list`,
    replies: [
      { file: 'usages-compute.json', to: '/Microsoft.Compute/locations/westus/usages' },
      { file: 'usages-network.json', to: '/Microsoft.Network/locations/westus/usages' },
      { file: 'usages-storage.json', to: '/Microsoft.Storage/locations/westus/usages' },
    ],
    call: async (cloud) =>
      (await cloud.quotas.list('westus')).map(({ id, kind, family, used, limit }) =>
        [id, kind, family, used, limit].join(' '),
      ),
    gives: [
      'Microsoft.Compute/availabilitySets   0 2500',
      'Microsoft.Compute/cores vcpus  12 200',
      'Microsoft.Compute/virtualMachines vms  3 25000',
      'Microsoft.Compute/lowPriorityCores spot_vcpus  4 100',
      'Microsoft.Compute/standardDSv3Family vcpus standardDSv3Family 8 100',
      'Microsoft.Network/VirtualNetworks networks  8 50',
      'Microsoft.Network/PublicIPAddresses addresses  2 60',
      'Microsoft.Storage/StorageAccounts   55 250',
    ],
  },
  {
    title: 'prices: those of Linux, on demand and spot, among others of the same size',
    source: `${docs}/cost-management/retail-prices/azure-retail-prices`,
    replies: ['retail-prices.json'],
    call: (cloud) => Array.fromAsync(cloud.prices.list({ region: 'westus', skus: ['Standard_F16s'] })),
    gives: [
      {
        ...priced,
        kind: 'vm',
        sku: 'Standard_F16s',
        model: 'on_demand',
        price: { amount: '0.796', currency: 'USD' },
        unit: 'hour',
      },
      {
        ...priced,
        kind: 'vm',
        sku: 'Standard_F16s',
        model: 'spot',
        price: { amount: '0.0796', currency: 'USD' },
        unit: 'hour',
      },
    ],
  },
  {
    title: 'the price of a disk, by GiB',
    source: `${docs}/cost-management/retail-prices/azure-retail-prices`,
    replies: ['retail-prices-disks.json'],
    call: (cloud) => Array.fromAsync(cloud.prices.list({ region: 'westus', skus: ['StandardSSD_LRS'] })),
    gives: [
      {
        ...priced,
        kind: 'volume',
        sku: 'StandardSSD_LRS',
        model: 'on_demand',
        price: { amount: '0.075', currency: 'USD' },
        unit: 'gib_month',
      },
    ],
  },
  {
    title: 'a refusal of the price list, which words its errors in capitals',
    source: `${docs}/cost-management/retail-prices/azure-retail-prices`,
    replies: ['error-retail-prices.http'],
    call: (cloud) => Array.fromAsync(cloud.prices.list({ region: "w'est", skus: ['Standard_F16s'] })),
    throws: { code: 'invalid_request', vendorCode: 'BadRequest' },
  },
  {
    title: 'costs as billed and as amortised: usage, tiny usage, a purchase, and what it covers',
    source: `${docs}/cost-management/query/usage`,
    replies: [
      { file: 'cost-query-actual.json', to: '"ActualCost"' },
      { file: 'cost-query-amortized.json', to: '"AmortizedCost"' },
    ],
    call: (cloud) => Array.fromAsync(cloud.billing.rows(day)),
    gives: [
      {
        ...charge,
        BilledCost: '2.304',
        ...effective('2.304'),
        ChargeCategory: 'Usage',
        ChargeDescription: 'D2s v5',
        ChargeFrequency: 'Usage-Based',
        PricingCategory: 'Standard',
        ServiceCategory: 'Compute',
        ServiceName: 'Virtual Machines',
        RegionId: 'westus',
        ResourceId: computeAt('virtualmachines/myvm')
          .toLowerCase()
          .replace('resourcegroups', 'resourceGroups'),
        ResourceName: 'myvm',
        ResourceType: 'microsoft.compute/virtualmachines',
        SkuId: '000a794b-bdb0-58be-a0cd-0c3a0f222924',
        ...measured('24', '1 Hour'),
      },
      {
        ...charge,
        BilledCost: '0.00000012',
        ...effective('0.00000012'),
        ChargeCategory: 'Usage',
        ChargeDescription: 'LRS List and Create Container Operations',
        ChargeFrequency: 'Usage-Based',
        PricingCategory: 'Standard',
        ServiceCategory: 'Storage',
        ServiceName: 'Storage',
        RegionId: 'westus',
        ResourceId: `/subscriptions/${subscription}/resourceGroups/myresourcegroup/providers/microsoft.storage/storageaccounts/sto8596`,
        ResourceName: 'sto8596',
        ResourceType: 'microsoft.storage/storageaccounts',
        SkuId: 'a1b2',
        ...measured('0.0001', '10K'),
      },
      {
        ...reserved,
        BilledCost: '0',
        ...effective('24'),
        ChargeCategory: 'Usage',
        ChargeFrequency: 'Usage-Based',
        ...measured('24', '1 Hour'),
      },
      {
        ...reserved,
        BilledCost: '730',
        ...effective('0'),
        ChargeCategory: 'Purchase',
        ChargeFrequency: 'One-Time',
        ...measured('1', '1 Hour'),
      },
    ],
  },
  {
    // The last one: who was told to wait makes no call until then.
    title: 'too many queries of costs, counted in two ways, of which the longer wait holds',
    source: 'https://learn.microsoft.com/azure/cost-management-billing/costs/manage-automation',
    replies: ['error-cost-throttled.http'],
    call: (cloud) => Array.fromAsync(cloud.billing.rows(day)),
    throws: { code: 'throttled', kind: 'throttled', retryAfterMs: 44_000 },
  },
]
