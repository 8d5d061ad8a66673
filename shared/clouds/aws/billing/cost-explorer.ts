import type {
  Expression,
  GetCostAndUsageCommandOutput,
  Group,
  MetricValue,
} from '@aws-sdk/client-cost-explorer'
import type { FocusRow } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { billingPeriod, categoryOf, parties, regionOfUsage } from '#shared/clouds/aws/billing/focus.ts'
import { callerIdentity } from '#shared/clouds/aws/identity/identity.ts'
import { present } from '#shared/clouds/aws/mapping.ts'

/**
 * Charges by day: usage by service and usage type, everything else (taxes, credits, fees) by its kind and service; Cost Explorer groups by two
 * things at most, and knows no resources. It has no list prices: ListCost and ContractedCost are what was billed.
 */
export async function* costExplorerRows(
  aws: AwsClients,
  { from, to }: { from: Date; to: Date },
): AsyncGenerator<FocusRow> {
  const { accountId } = await callerIdentity(aws)
  const TimePeriod = { Start: dayOf(from), End: dayOf(to) }
  const usage = { Dimensions: { Key: 'RECORD_TYPE' as const, Values: usageRecords } }
  for await (const { day, group } of groups(aws, TimePeriod, usage, ['SERVICE', 'USAGE_TYPE'])) {
    const [service = '', usageType = ''] = group.Keys ?? []
    const row = rowOf(accountId, day, group, {
      service,
      usageType,
      category: 'Usage',
      description: usageType,
    })
    if (row) yield row
  }
  for await (const { day, group } of groups(aws, TimePeriod, { Not: usage }, ['RECORD_TYPE', 'SERVICE'])) {
    const [record = '', service = ''] = group.Keys ?? []
    const row = rowOf(accountId, day, group, {
      service,
      usageType: '',
      category: categoryOfRecord(record),
      description: record,
    })
    if (row) yield row
  }
}

/** Usage, also that which savings plans and reservations cover; the negation takes back what covered usage would have cost on demand. */
const usageRecords = ['Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage', 'SavingsPlanNegation']

const metrics = ['UnblendedCost', 'AmortizedCost', 'UsageQuantity']

async function* groups(
  aws: AwsClients,
  TimePeriod: { Start: string; End: string },
  Filter: Expression,
  keys: readonly ('SERVICE' | 'USAGE_TYPE' | 'RECORD_TYPE')[],
): AsyncGenerator<{ day: string; group: Group }> {
  const GroupBy = keys.map((Key) => ({ Type: 'DIMENSION' as const, Key }))
  for (let token: string | undefined; ;) {
    const page: GetCostAndUsageCommandOutput = await aws.costExplorer('GetCostAndUsage', (ce, http) =>
      ce.getCostAndUsage(
        {
          TimePeriod,
          Granularity: 'DAILY',
          Metrics: metrics,
          GroupBy,
          Filter,
          ...(token === undefined ? {} : { NextPageToken: token }),
        },
        http,
      ),
    )
    for (const { TimePeriod: period, Groups = [] } of page.ResultsByTime ?? []) {
      for (const group of Groups) yield { day: period?.Start ?? TimePeriod.Start, group }
    }
    token = page.NextPageToken
    if (token === undefined || token === '') return
  }
}

interface Kind {
  service: string
  usageType: string
  category: FocusRow['ChargeCategory']
  description: string
}

/** Undefined for a group in which nothing was used and nothing charged. */
function rowOf(accountId: string, day: string, group: Group, kind: Kind): FocusRow | undefined {
  const { UnblendedCost, AmortizedCost, UsageQuantity } = group.Metrics ?? {}
  const [billed, effective, quantity] = [
    amountOf(UnblendedCost),
    amountOf(AmortizedCost),
    amountOf(UsageQuantity),
  ]
  if (Number(billed) === 0 && Number(effective) === 0 && Number(quantity) === 0) return undefined
  const start = new Date(day)
  const isUsage = kind.category === 'Usage'
  const spot = /SpotUsage/.test(kind.usageType)
  return {
    ...parties,
    BilledCost: billed,
    EffectiveCost: effective,
    ListCost: billed,
    ContractedCost: billed,
    BillingCurrency: UnblendedCost?.Unit ?? 'USD',
    BillingAccountId: accountId,
    SubAccountId: accountId,
    ...billingPeriod(start),
    ChargePeriodStart: start,
    ChargePeriodEnd: new Date(start.getTime() + 86_400_000),
    ChargeCategory: kind.category,
    ChargeDescription: kind.description,
    ChargeFrequency: isUsage ? 'Usage-Based' : kind.category === 'Purchase' ? 'Recurring' : 'One-Time',
    ...(isUsage ? { PricingCategory: spot ? ('Dynamic' as const) : ('Standard' as const) } : {}),
    ServiceCategory: categoryOf(kind.service, kind.usageType),
    ServiceName: kind.service,
    ...present('RegionId', isUsage ? regionOfUsage(kind.usageType) : undefined),
    ...(isUsage
      ? {
          SkuId: kind.usageType,
          ConsumedQuantity: quantity,
          ConsumedUnit: UsageQuantity?.Unit ?? 'N/A',
          PricingQuantity: quantity,
          PricingUnit: UsageQuantity?.Unit ?? 'N/A',
        }
      : {}),
    Tags: {},
  }
}

/** Record types of Cost Explorer, in FOCUS's words. */
function categoryOfRecord(record: string): FocusRow['ChargeCategory'] {
  if (/tax/i.test(record)) return 'Tax'
  if (/credit|discount/i.test(record)) return 'Credit'
  if (/fee|upfront|recurring|support/i.test(record)) return 'Purchase'
  return 'Adjustment'
}

/** As a plain decimal: very small amounts come with an exponent. */
function amountOf(value: MetricValue | undefined): string {
  const text = value?.Amount ?? '0'
  return /e/i.test(text)
    ? Number(text)
        .toFixed(18)
        .replace(/\.?0+$/, '')
    : text
}

const dayOf = (date: Date): string => date.toISOString().slice(0, 10)
