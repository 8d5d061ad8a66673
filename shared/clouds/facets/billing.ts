/**
 * One row of cost and usage: the columns of FOCUS 1.2 (FinOps Open Cost and Usage Specification) that clouds can fill, under their own names.
 * Amounts are decimal strings in `BillingCurrency`.
 */
export interface FocusRow {
  BilledCost: string
  EffectiveCost: string
  ListCost: string
  ContractedCost: string
  BillingCurrency: string
  BillingAccountId: string
  BillingAccountName?: string
  SubAccountId?: string
  BillingPeriodStart: Date
  BillingPeriodEnd: Date
  ChargePeriodStart: Date
  ChargePeriodEnd: Date
  ChargeCategory: 'Usage' | 'Purchase' | 'Tax' | 'Credit' | 'Adjustment'
  ChargeClass?: 'Correction'
  ChargeDescription?: string
  ChargeFrequency: 'One-Time' | 'Recurring' | 'Usage-Based'
  PricingCategory?: 'Standard' | 'Dynamic' | 'Committed' | 'Other'
  ProviderName: string
  PublisherName: string
  InvoiceIssuerName: string
  /** E.g. `Compute`, `Storage`, `Networking`, `Databases`, `Other`: FOCUS 1.2 allowed values. */
  ServiceCategory: string
  ServiceName: string
  RegionId?: string
  AvailabilityZone?: string
  ResourceId?: string
  ResourceName?: string
  ResourceType?: string
  SkuId?: string
  ConsumedQuantity?: string
  ConsumedUnit?: string
  PricingQuantity?: string
  PricingUnit?: string
  Tags: Record<string, string>
}

export interface BillingFacet {
  /**
   * Charges by day (or hour, where the cloud gives it), paged to the end. `to` is exclusive; both are whole UTC days.
   * How fine the rows are depends on the cloud's source; each cloud's capabilities say.
   */
  rows(query: { from: Date; to: Date }): AsyncIterable<FocusRow>
}
