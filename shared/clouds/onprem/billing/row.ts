import type { FocusRow } from '#shared/clouds/port.ts'
import { decimalOfUnits, toDecimal, type Fraction } from '#shared/fractions.ts'
import { billPlaces, type Span } from '#shared/clouds/onprem/billing/shares.ts'
import type { Host } from '#shared/clouds/onprem/hosts.ts'
import type { OnPremSettings } from '#shared/clouds/onprem/settings.ts'

const dayMs = 86_400_000

export interface Charge {
  /** Of 10^-billPlaces. */
  units: bigint
  category: 'Compute' | 'Storage'
  service: string
  resource: { id: string; name: string; tags: Record<string, string>; type: string }
  sku?: string
  quantity?: Fraction & { unit: string }
}

/** Makes rows of a host's day: https://focus.finops.org/focus-specification/v1-2/. Nobody invoices, so there is one amount for all four. */
export function focusRow(
  { providerId, options: { currency } }: Pick<OnPremSettings, 'providerId' | 'options'>,
  { name: AvailabilityZone, region: RegionId }: Pick<Host, 'name' | 'region'>,
  { fromMs }: Span,
): (charge: Charge) => FocusRow {
  const day = new Date(fromMs)
  const month = (offset: number) => new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + offset))
  return ({ units, category, service, resource, sku, quantity }) => {
    const amount = decimalOfUnits(units, billPlaces)
    const used = quantity && { amount: toDecimal(quantity, billPlaces), unit: quantity.unit }
    return {
      BilledCost: amount,
      EffectiveCost: amount,
      ListCost: amount,
      ContractedCost: amount,
      BillingCurrency: currency,
      BillingAccountId: providerId,
      BillingPeriodStart: month(0),
      BillingPeriodEnd: month(1),
      ChargePeriodStart: day,
      ChargePeriodEnd: new Date(fromMs + dayMs),
      ChargeCategory: 'Usage',
      ChargeDescription: `${service} on ${AvailabilityZone}`,
      ChargeFrequency: 'Usage-Based',
      PricingCategory: 'Standard',
      ProviderName: 'On-premise',
      PublisherName: 'On-premise',
      InvoiceIssuerName: 'On-premise',
      ServiceCategory: category,
      ServiceName: service,
      RegionId,
      AvailabilityZone,
      ResourceId: resource.id,
      ResourceName: resource.name,
      ResourceType: resource.type,
      ...(sku === undefined ? {} : { SkuId: sku }),
      ...(used && {
        ConsumedQuantity: used.amount,
        ConsumedUnit: used.unit,
        PricingQuantity: used.amount,
        PricingUnit: used.unit,
      }),
      Tags: resource.tags,
    }
  }
}
