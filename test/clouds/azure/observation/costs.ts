import { sizeNamed, type ArmHandler, type Context } from '#test/clouds/azure/context.ts'
import { hourlyPrice } from '#test/clouds/azure/observation/prices.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import { list, object, oneOf, text, type Check } from '#test/clouds/azure/schema.ts'

/** Cost Management: what VMs and disks cost by day, from the day they were made. */

const aggregate = object('QueryAggregation', { name: text, function: oneOf('Sum') }, ['name', 'function'])

/** At most two aggregations, of names that the caller chooses. */
const aggregations: Check = (value, path) => {
  const named = Object.entries((value ?? {}) as Record<string, unknown>)
  if (named.length > 2) throw bad('The query has more than the 2 aggregations allowed.')
  for (const [name, each] of named) aggregate(each, `${path}.${name}`)
}

const queryBody = object(
  'QueryDefinition',
  {
    type: oneOf('ActualCost', 'AmortizedCost', 'Usage'),
    timeframe: oneOf('Custom'),
    timePeriod: object('QueryTimePeriod', { from: text, to: text }, ['from', 'to']),
    dataset: object('QueryDataset', {
      granularity: oneOf('Daily'),
      aggregation: aggregations,
      grouping: list(object('QueryGrouping', { type: oneOf('Dimension'), name: text }, ['type', 'name'])),
    }),
  },
  ['type', 'timeframe', 'timePeriod', 'dataset'],
)

interface QueryBody {
  type: string
  timePeriod: { from: string; to: string }
  dataset: { grouping?: { name: string }[]; aggregation: Record<string, { name: string }> }
}

const dayMs = 86_400_000

export const queryCosts: ArmHandler = (context, request) => {
  queryBody(request.body, '')
  const { type, timePeriod, dataset } = request.body as QueryBody
  const [fromMs, toMs] = [Date.parse(timePeriod.from), Date.parse(timePeriod.to)]
  if (Number.isNaN(fromMs) || Number.isNaN(toMs) || fromMs > toMs) throw bad('Invalid time period.')
  if (toMs - fromMs > 366 * dayMs) throw bad('The time period of a query is a year at most.')
  const grouping = (dataset.grouping ?? []).map(({ name }) => name)
  if (grouping.length > 15) throw bad('The query has more than the 15 groupings allowed.')
  const unknown = grouping.find((name) => !dimensions.includes(name))
  if (unknown !== undefined)
    throw bad(`Invalid dataset grouping: '${unknown}'; valid values: ${dimensions.join(', ')}.`)
  const aggregated = Object.values(dataset.aggregation).map(({ name }) => name)
  const rows = chargesIn(context, fromMs, toMs, type === 'AmortizedCost').map((charge) => [
    ...aggregated.map((name) => (name === 'UsageQuantity' ? charge.quantity : charge.cost)),
    Number(charge.day.replaceAll('-', '')),
    ...grouping.map((name) => charge.of[name] ?? ''),
    'USD',
  ])
  const token = request.query.get('$skiptoken')
  const start = token === null ? 0 : Number(Buffer.from(token, 'base64url').toString().replace(/^at:/, ''))
  if (!Number.isInteger(start) || start < 0) throw bad(`The skip token '${token}' is invalid.`)
  const end = start + context.pageSize
  const next = new URL(
    `/subscriptions/${context.subscription}/providers/Microsoft.CostManagement/query`,
    context.url(),
  )
  next.searchParams.set('api-version', request.apiVersion)
  next.searchParams.set('$skiptoken', Buffer.from(`at:${end}`).toString('base64url'))
  return json(200, {
    id: `subscriptions/${context.subscription}/providers/Microsoft.CostManagement/query/1`,
    name: '1',
    type: 'Microsoft.CostManagement/query',
    properties: {
      nextLink: end < rows.length ? next.href : null,
      columns: [
        ...aggregated.map((name) => ({ name, type: 'Number' })),
        { name: 'UsageDate', type: 'Number' },
        ...grouping.map((name) => ({ name, type: 'String' })),
        { name: 'Currency', type: 'String' },
      ],
      rows: rows.slice(start, end),
    },
  })
}

interface Charge {
  day: string
  cost: number
  quantity: number
  of: Record<string, string>
}

/** Each thing is charged for whole days, and a reservation is bought on the first day of every month. */
function chargesIn({ estate }: Context, fromMs: number, toMs: number, amortized: boolean): Charge[] {
  const days: number[] = []
  for (let atMs = Math.floor(fromMs / dayMs) * dayMs; atMs <= toMs; atMs += dayMs) days.push(atMs)
  const today = Math.floor(Date.now() / dayMs) * dayMs
  return days
    .filter((atMs) => atMs <= today)
    .flatMap((atMs): Charge[] => {
      const day = new Date(atMs).toISOString().slice(0, 10)
      const madeBy = ({ createdAt }: { createdAt: Date }) => createdAt.getTime() < atMs + dayMs
      const reservation = reservationOn(day, amortized)
      return [
        ...estate
          .list('vm')
          .filter(madeBy)
          .map(({ id, size, location }) => ({
            day,
            quantity: 24,
            cost: (sizeNamed(size) ? hourlyPrice(sizeNamed(size) as never) : 0) * 24,
            of: usage(id, 'Microsoft.Compute/virtualMachines', location, 'Virtual Machines', size, '1 Hour'),
          })),
        ...estate
          .list('disk')
          .filter(madeBy)
          .map(({ id, location }) => ({
            day,
            quantity: 0.0333333,
            cost: 0.32000001,
            of: usage(id, 'Microsoft.Compute/disks', location, 'Storage', 'E10 LRS Disk', '1/Month'),
          })),
        ...reservation,
      ]
    })
}

function reservationOn(day: string, amortized: boolean): Charge[] {
  const of = {
    ...usage('', '', '', 'Virtual Machines', 'Reserved VM Instance', '1 Hour'),
    PricingModel: 'Reservation',
  }
  if (amortized) return [{ day, quantity: 24, cost: 1.5e-7, of: { ...of, ChargeType: 'Usage' } }]
  return day.endsWith('-01')
    ? [{ day, quantity: 1, cost: 46.5e-7, of: { ...of, ChargeType: 'Purchase', Frequency: 'OneTime' } }]
    : []
}

const usage = (
  id: string,
  type: string,
  location: string,
  service: string,
  meter: string,
  unit: string,
): Record<string, string> => ({
  ResourceId: id.toLowerCase(),
  ResourceType: type.toLowerCase(),
  ResourceLocation: location,
  ServiceName: service,
  Meter: meter,
  MeterId: `meter-${meter}`,
  UnitOfMeasure: unit,
  ChargeType: 'Usage',
  PricingModel: 'OnDemand',
  Frequency: 'UsageBased',
  PublisherType: 'Azure',
})

const dimensions = [
  'ResourceId',
  'ResourceType',
  'ResourceLocation',
  'ResourceGroupName',
  'ServiceName',
  'Meter',
  'MeterId',
  'MeterCategory',
  'UnitOfMeasure',
  'ChargeType',
  'PricingModel',
  'Frequency',
  'PublisherType',
]

const bad = (message: string): Refusal => new Refusal(400, 'BadRequest', message)
