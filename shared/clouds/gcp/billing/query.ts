/**
 * Cost and usage by day and resource, from the detailed billing export, whose rows are by hour.
 * https://cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/detailed-usage. Amounts are floats there; as NUMERIC their sums are exact.
 */
export function billingQuery(table: string): string {
  const grouped = Object.entries(columns).map(([name, expression]) => `${expression} AS ${name}`)
  const summed = Object.entries(sums).map(
    ([name, expression]) => `CAST(SUM(${expression}) AS STRING) AS ${name}`,
  )
  const numbers = grouped.map((_, index) => index + 1).join(', ')
  return [
    `SELECT ${[...grouped, ...summed].join(', ')}`,
    `FROM \`${table}\``,
    'WHERE usage_start_time >= @from AND usage_start_time < @to',
    `GROUP BY ${numbers}`,
    'ORDER BY 1',
  ].join('\n')
}

const columns = {
  day: 'TIMESTAMP_TRUNC(usage_start_time, DAY)',
  billing_account: 'billing_account_id',
  invoice_month: 'invoice.month',
  project_id: 'project.id',
  service_name: 'service.description',
  sku_id: 'sku.id',
  sku_name: 'sku.description',
  region: 'location.region',
  zone: 'location.zone',
  resource_id: 'resource.global_name',
  resource_name: 'resource.name',
  kind: 'cost_type',
  currency_code: 'currency',
  usage_unit: 'usage.unit',
  pricing_unit: 'usage.pricing_unit',
  labels_json: 'TO_JSON_STRING(labels)',
} as const

const sums = {
  cost_sum: 'CAST(cost AS NUMERIC)',
  list_sum: 'CAST(IFNULL(cost_at_list, cost) AS NUMERIC)',
  credit_sum: 'IFNULL((SELECT SUM(CAST(credit.amount AS NUMERIC)) FROM UNNEST(credits) AS credit), 0)',
  usage_sum: 'CAST(usage.amount AS NUMERIC)',
  priced_sum: 'CAST(usage.amount_in_pricing_units AS NUMERIC)',
} as const

export type BillingColumn = keyof typeof columns | keyof typeof sums
