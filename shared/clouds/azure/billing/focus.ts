import type { CostRow } from '#shared/clouds/azure/billing/query.ts'
import { decimalOf } from '#shared/decimals.ts'
import { canonicalId } from '#shared/clouds/azure/names.ts'
import type { FocusRow } from '#shared/clouds/port.ts'

/**
 * A day's cost as a row of FOCUS. Azure's query tells what was billed and what is effective, not what the list price would have been:
 * so both list and contracted cost are given as the effective one. Tags are not among what costs can be split by together.
 * @param billed undefined for what only the amortised view has, such as usage that a reservation covers.
 * @param effective undefined for what only the billed view has, such as the purchase of a reservation.
 */
export function toFocusRow(
  subscriptionId: string,
  billed: CostRow | undefined,
  effective: CostRow | undefined,
): FocusRow {
  const row = (billed ?? effective) as CostRow
  const { of } = row
  const day = dayOf(row.usageDate)
  const effectiveCost = decimalOf(effective?.cost ?? 0)
  const region = regionOf(of.ResourceLocation)
  const id = of.ResourceId === '' ? undefined : canonicalId(of.ResourceId)
  const quantity = decimalOf(row.quantity)
  return {
    BilledCost: decimalOf(billed?.cost ?? 0),
    EffectiveCost: effectiveCost,
    ListCost: effectiveCost,
    ContractedCost: effectiveCost,
    BillingCurrency: row.currency,
    BillingAccountId: `/subscriptions/${subscriptionId}`,
    SubAccountId: subscriptionId,
    BillingPeriodStart: new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), 1)),
    BillingPeriodEnd: new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 1)),
    ChargePeriodStart: day,
    ChargePeriodEnd: new Date(day.getTime() + 86_400_000),
    ChargeCategory: chargeCategories[of.ChargeType] ?? 'Usage',
    ...(of.ChargeType === 'Refund' ? { ChargeClass: 'Correction' as const } : {}),
    ...(of.Meter === '' ? {} : { ChargeDescription: of.Meter }),
    ChargeFrequency: frequencies[of.Frequency] ?? 'Usage-Based',
    PricingCategory: pricingCategories[of.PricingModel] ?? 'Other',
    ProviderName: 'Microsoft Azure',
    PublisherName: of.PublisherType === 'Marketplace' ? 'Azure Marketplace' : 'Microsoft',
    InvoiceIssuerName: 'Microsoft',
    ServiceCategory: serviceCategories[of.ServiceName] ?? 'Other',
    ServiceName: of.ServiceName || 'Unassigned',
    ...(region === undefined ? {} : { RegionId: region }),
    ...(id === undefined ? {} : { ResourceId: id, ResourceName: id.split('/').at(-1) ?? id }),
    ...(of.ResourceType === '' ? {} : { ResourceType: of.ResourceType }),
    ...(of.MeterId === '' ? {} : { SkuId: of.MeterId }),
    ...(of.UnitOfMeasure === ''
      ? {}
      : {
          ConsumedQuantity: quantity,
          ConsumedUnit: of.UnitOfMeasure,
          PricingQuantity: quantity,
          PricingUnit: of.UnitOfMeasure,
        }),
    Tags: {},
  }
}

/** What two views of the same charge have in common. */
export const keyOf = ({ usageDate, currency, of }: CostRow): string =>
  JSON.stringify([usageDate, currency, ...Object.values(of)]).toLowerCase()

/** `20261123`; some accounts get `2026-11-23T00:00:00`. */
function dayOf(usageDate: string): Date {
  const [, year, month, day] = /^(\d{4})-?(\d\d)-?(\d\d)/.exec(usageDate) ?? []
  return new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)))
}

/** Costs spell regions as `eastus`, `East US` or, for meters of old, `US East`. */
function regionOf(location: string): string | undefined {
  const name = location.toLowerCase().replaceAll(' ', '')
  if (name === '' || name === 'unassigned' || name === 'global' || name === 'unknown') return undefined
  return meterRegions[name] ?? name
}

const meterRegions: Readonly<Record<string, string>> = {
  useast: 'eastus',
  useast2: 'eastus2',
  uswest: 'westus',
  uswest2: 'westus2',
  uswest3: 'westus3',
  uscentral: 'centralus',
  usnorthcentral: 'northcentralus',
  ussouthcentral: 'southcentralus',
  euwest: 'westeurope',
  eunorth: 'northeurope',
  apeast: 'eastasia',
  apsoutheast: 'southeastasia',
}

const chargeCategories: Readonly<Record<string, FocusRow['ChargeCategory']>> = {
  Purchase: 'Purchase',
  Refund: 'Credit',
  Tax: 'Tax',
  Adjustment: 'Adjustment',
  RoundingAdjustment: 'Adjustment',
}

const frequencies: Readonly<Record<string, FocusRow['ChargeFrequency']>> = {
  OneTime: 'One-Time',
  Recurring: 'Recurring',
}

const pricingCategories: Readonly<Record<string, NonNullable<FocusRow['PricingCategory']>>> = {
  OnDemand: 'Standard',
  Spot: 'Dynamic',
  Reservation: 'Committed',
  SavingsPlan: 'Committed',
}

const serviceCategories: Readonly<Record<string, string>> = {
  'Virtual Machines': 'Compute',
  'Virtual Machines Licenses': 'Compute',
  'Azure Kubernetes Service': 'Compute',
  'Container Instances': 'Compute',
  Functions: 'Compute',
  'Azure App Service': 'Compute',
  Storage: 'Storage',
  Backup: 'Storage',
  'Virtual Network': 'Networking',
  Bandwidth: 'Networking',
  'Load Balancer': 'Networking',
  'NAT Gateway': 'Networking',
  'VPN Gateway': 'Networking',
  'Application Gateway': 'Networking',
  'Azure DNS': 'Networking',
  'Network Watcher': 'Networking',
  'SQL Database': 'Databases',
  'Azure Cosmos DB': 'Databases',
  'Azure Database for PostgreSQL': 'Databases',
  'Azure Database for MySQL': 'Databases',
  'Redis Cache': 'Databases',
  'Key Vault': 'Security',
  'Microsoft Defender for Cloud': 'Security',
  'Azure Monitor': 'Management and Governance',
  'Log Analytics': 'Management and Governance',
  'Container Registry': 'Developer Tools',
}
