import type { BillingColumn } from '#shared/clouds/gcp/billing/query.ts'
import type { FocusRow } from '#shared/clouds/port.ts'

const dayMs = 86_400_000

/** One row of the query in FOCUS form. Credits (sustained use, promotions) lower what is billed; the list price is without them. */
export function focusRowOf(row: Readonly<Partial<Record<BillingColumn, string | undefined>>>): FocusRow {
  const day = new Date(Number(row.day) / 1000)
  const billed = add(row.cost_sum ?? '0', row.credit_sum ?? '0')
  const { start, end } = invoiceMonth(row.invoice_month, day)
  const description = row.sku_name ?? ''
  return {
    BilledCost: billed,
    EffectiveCost: billed,
    ListCost: row.list_sum ?? row.cost_sum ?? '0',
    ContractedCost: row.cost_sum ?? '0',
    BillingCurrency: row.currency_code ?? 'USD',
    BillingAccountId: row.billing_account ?? '',
    ...(row.project_id ? { SubAccountId: row.project_id } : {}),
    BillingPeriodStart: start,
    BillingPeriodEnd: end,
    ChargePeriodStart: day,
    ChargePeriodEnd: new Date(day.getTime() + dayMs),
    ChargeCategory: chargeCategory(row.kind, description),
    ChargeDescription: description,
    ChargeFrequency: description.startsWith('Commitment') ? 'Recurring' : 'Usage-Based',
    PricingCategory: pricingCategory(description),
    ProviderName: 'Google Cloud',
    PublisherName: 'Google Cloud',
    InvoiceIssuerName: 'Google Cloud',
    ServiceCategory: serviceCategory(row.service_name ?? '', description),
    ServiceName: row.service_name ?? 'Unknown',
    ...(row.region ? { RegionId: row.region } : {}),
    ...(row.zone ? { AvailabilityZone: row.zone } : {}),
    ...(row.resource_id ? { ResourceId: row.resource_id.replace(/^\/\/[^/]+\//, '') } : {}),
    ...(row.resource_name ? { ResourceName: row.resource_name.split('/').at(-1) ?? '' } : {}),
    ...(row.sku_id ? { SkuId: row.sku_id } : {}),
    ...(row.usage_sum ? { ConsumedQuantity: row.usage_sum } : {}),
    ...(row.usage_unit ? { ConsumedUnit: row.usage_unit } : {}),
    ...(row.priced_sum ? { PricingQuantity: row.priced_sum } : {}),
    ...(row.pricing_unit ? { PricingUnit: row.pricing_unit } : {}),
    Tags: labelsOf(row.labels_json),
  }
}

function chargeCategory(kind: string | undefined, description: string): FocusRow['ChargeCategory'] {
  if (kind === 'tax') return 'Tax'
  if (kind === 'adjustment' || kind === 'rounding_error') return 'Adjustment'
  return description.startsWith('Commitment') ? 'Purchase' : 'Usage'
}

function pricingCategory(description: string): NonNullable<FocusRow['PricingCategory']> {
  if (/^(Spot|Preemptible)/.test(description)) return 'Dynamic'
  return description.startsWith('Commitment') ? 'Committed' : 'Standard'
}

/** FOCUS 1.2 has these categories by name; Compute Engine also bills disks and traffic. */
function serviceCategory(service: string, sku: string): string {
  if (service === 'Compute Engine') {
    if (/\bPD\b|Snapshot|Storage|Hyperdisk|Image/.test(sku)) return 'Storage'
    return /Egress|Ingress|Data Transfer|IP Charge|Network/.test(sku) ? 'Networking' : 'Compute'
  }
  return categories.find(([pattern]) => pattern.test(service))?.[1] ?? 'Other'
}

const categories: readonly [RegExp, string][] = [
  [/Storage|Filestore|Backup/, 'Storage'],
  [/SQL|Spanner|Bigtable|Firestore|Datastore|Memorystore|AlloyDB/, 'Databases'],
  [/BigQuery|Dataflow|Dataproc|Looker/, 'Analytics'],
  [/Kubernetes|Cloud Run|Functions|App Engine|VMware/, 'Compute'],
  [/Network|Load Balanc|Cloud DNS|CDN|VPN|Interconnect/, 'Networking'],
  [/Logging|Monitoring|Operations|Stackdriver|Trace/, 'Management and Governance'],
  [/Key Management|Secret|Security|Armor|Identity/, 'Security'],
  [/Vertex|AI|Vision|Speech|Translate/, 'AI and Machine Learning'],
  [/Build|Registry|Source/, 'Developer Tools'],
  [/Pub\/Sub|Tasks|Scheduler|Workflows/, 'Integration'],
]

/** `202611` is a month of Pacific time; FOCUS tells it by its days. A row without one is of the month of its day. */
function invoiceMonth(month: string | undefined, day: Date): { start: Date; end: Date } {
  const [, year, number] = /^(\d{4})(\d\d)$/.exec(month ?? '') ?? []
  const said = year === undefined ? undefined : new Date(Date.UTC(Number(year), Number(number) - 1))
  const start =
    said !== undefined && said <= day ? said : new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth()))
  return { start, end: new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1)) }
}

function labelsOf(json: string | undefined): Record<string, string> {
  const labels = JSON.parse(json ?? '[]') as { key?: string; value?: string }[] | null
  return Object.fromEntries((labels ?? []).map(({ key = '', value = '' }) => [key, value]))
}

/** The exact sum of two decimal strings of at most 38 digits after the point. */
function add(a: string, b: string): string {
  const digits = Math.max(fractionOf(a).length, fractionOf(b).length)
  const scaled = (text: string) =>
    BigInt(text.replace('.', '') + '0'.repeat(digits - fractionOf(text).length))
  const sum = scaled(a) + scaled(b)
  const text = (sum < 0n ? -sum : sum).toString().padStart(digits + 1, '0')
  const cut = text.length - digits
  const fraction = text.slice(cut).replace(/0+$/, '')
  return `${sum < 0n ? '-' : ''}${text.slice(0, cut)}${fraction === '' ? '' : `.${fraction}`}`
}

const fractionOf = (text: string): string => text.split('.')[1] ?? ''
