import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { CloudError } from '#shared/clouds/errors.ts'

/** https://learn.microsoft.com/rest/api/cost-management/query/usage */
const apiVersion = '2025-03-01'

/** What costs are split by; Azure takes at most 15. */
const dimensions = [
  'ResourceId',
  'ResourceType',
  'ResourceLocation',
  'ServiceName',
  'Meter',
  'MeterId',
  'UnitOfMeasure',
  'ChargeType',
  'PricingModel',
  'Frequency',
  'PublisherType',
] as const
export type Dimension = (typeof dimensions)[number]

/** One row of costs: of a day, and of one value in each dimension. */
export interface CostRow {
  cost: number
  quantity: number
  currency: string
  /** `20261123` */
  usageDate: string
  of: Readonly<Record<Dimension, string>>
}

/** As billed on the day; or with what was paid beforehand spread over the days it is for. */
export type CostView = 'ActualCost' | 'AmortizedCost'

/** The costs of some days, paged to the end. `to` is exclusive. */
export async function* costRows(
  client: AzureClient,
  view: CostView,
  { from, to }: { from: Date; to: Date },
): AsyncGenerator<CostRow> {
  const body = {
    type: view,
    timeframe: 'Custom',
    timePeriod: { from: from.toISOString(), to: new Date(to.getTime() - 1000).toISOString() },
    dataset: {
      granularity: 'Daily',
      aggregation: {
        totalCost: { name: 'Cost', function: 'Sum' },
        totalQuantity: { name: 'UsageQuantity', function: 'Sum' },
      },
      grouping: dimensions.map((name) => ({ type: 'Dimension', name })),
    },
  }
  const { subscriptionId, managementUrl } = client.settings
  let next: string | undefined =
    `${managementUrl}/subscriptions/${subscriptionId}/providers/Microsoft.CostManagement/query?api-version=${apiVersion}`
  while (next !== undefined) {
    const page = (await client.armAt('Query_Usage', 'POST', next, body)) as Page | null
    const { columns = [], rows = [], nextLink } = page?.properties ?? {}
    const read = readerOf(columns.map(({ name }) => name))
    yield* rows.map(read)
    next = nextLink || undefined
  }
}

interface Page {
  properties?: {
    nextLink?: string | null
    columns?: { name: string; type: string }[]
    rows?: (string | number | null)[][]
  }
}

/** Azure gives the columns in an order of its own. */
function readerOf(names: string[]): (row: (string | number | null)[]) => CostRow {
  const at = (name: string) => names.findIndex((each) => each.toLowerCase() === name.toLowerCase())
  const [cost, quantity, date, currency] = ['Cost', 'UsageQuantity', 'UsageDate', 'Currency'].map(at)
  const places = dimensions.map((name) => [name, at(name)] as const)
  return (row) => {
    const value = (index: number | undefined) => row[index ?? -1] ?? undefined
    const amount = value(cost)
    if (typeof amount !== 'number') throw unreadable(names)
    return {
      cost: amount,
      quantity: Number(value(quantity) ?? 0),
      currency: String(value(currency) ?? 'USD'),
      usageDate: String(value(date) ?? ''),
      of: Object.fromEntries(places.map(([name, index]) => [name, String(value(index) ?? '')])) as Record<
        Dimension,
        string
      >,
    }
  }
}

const unreadable = (names: string[]): CloudError =>
  new CloudError(`Azure's costs came without a cost; their columns are ${names.join(', ')}.`, {
    cloud: 'azure',
    operation: 'Query_Usage',
    code: 'cloud_error',
  })
