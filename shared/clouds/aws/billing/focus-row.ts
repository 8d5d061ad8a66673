import type { FocusRow } from '#shared/clouds/port.ts'
import { CloudError } from '#shared/clouds/errors.ts'

/**
 * A record of a FOCUS file as a row; columns that are empty are left out.
 * @throws CloudError `invalid_request` for one without a column that FOCUS makes mandatory.
 */
export function toFocusRow(record: Readonly<Record<string, string>>): FocusRow {
  const need = (name: string): string => {
    const value = record[name]
    if (value !== undefined && value !== '') return value
    throw new CloudError(`A row of the FOCUS export has no ${name}.`, {
      cloud: 'aws',
      operation: 'GetObject',
      code: 'invalid_request',
      remedy: 'Create the data export with all columns of FOCUS 1.2.',
      details: { field: name },
    })
  }
  const optional = Object.fromEntries(
    optionalColumns.flatMap((name) => (record[name] ? [[name, record[name]]] : [])),
  ) as Pick<FocusRow, (typeof optionalColumns)[number]>
  return {
    ...optional,
    BilledCost: need('BilledCost'),
    EffectiveCost: need('EffectiveCost'),
    ListCost: need('ListCost'),
    ContractedCost: need('ContractedCost'),
    BillingCurrency: need('BillingCurrency'),
    BillingAccountId: need('BillingAccountId'),
    BillingPeriodStart: instant(need('BillingPeriodStart')),
    BillingPeriodEnd: instant(need('BillingPeriodEnd')),
    ChargePeriodStart: instant(need('ChargePeriodStart')),
    ChargePeriodEnd: instant(need('ChargePeriodEnd')),
    ChargeCategory: need('ChargeCategory') as FocusRow['ChargeCategory'],
    ProviderName: need('ProviderName'),
    PublisherName: need('PublisherName'),
    InvoiceIssuerName: need('InvoiceIssuerName'),
    ServiceCategory: need('ServiceCategory'),
    ServiceName: need('ServiceName'),
    Tags: tagsOf(record['Tags']),
  }
}

const optionalColumns = [
  'BillingAccountName',
  'SubAccountId',
  'ChargeClass',
  'ChargeDescription',
  'ChargeFrequency',
  'PricingCategory',
  'RegionId',
  'AvailabilityZone',
  'ResourceId',
  'ResourceName',
  'ResourceType',
  'SkuId',
  'ConsumedQuantity',
  'ConsumedUnit',
  'PricingQuantity',
  'PricingUnit',
] as const

/** Times without a zone are UTC. */
const instant = (text: string): Date =>
  new Date(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text.replace(' ', 'T')}Z`)

function tagsOf(text: string | undefined): Record<string, string> {
  if (!text) return {}
  const tags = JSON.parse(text) as Record<string, unknown>
  return Object.fromEntries(Object.entries(tags).map(([key, value]) => [key, String(value)]))
}
