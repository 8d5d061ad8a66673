import { z } from 'zod'
import { hourlyPrice, typeNamed, usagePrefixes, volumePrice } from '#test/clouds/aws/json/prices.ts'
import { operation, pageOf, type JsonService } from '#test/clouds/aws/json/service.ts'
import { observeUsage } from '#test/clouds/aws/json/usage.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import type { World } from '#test/clouds/aws/world.ts'

const date = z.iso.date()
const dimensionKey = z.enum([
  'SERVICE',
  'USAGE_TYPE',
  'REGION',
  'RECORD_TYPE',
  'LINKED_ACCOUNT',
  'INSTANCE_TYPE',
])
const values = z.strictObject({
  Key: dimensionKey,
  Values: z.array(z.string()).min(1),
  MatchOptions: z.array(z.literal('EQUALS')).optional(),
})
const condition = z.strictObject({ Dimensions: values })
const metrics = [
  'UnblendedCost',
  'AmortizedCost',
  'NetUnblendedCost',
  'NetAmortizedCost',
  'BlendedCost',
  'UsageQuantity',
  'NormalizedUsageAmount',
] as const

/** Cost Explorer: what there is and was, at the prices of the price list, by day. */
export const costExplorer: JsonService = {
  name: 'ce',
  target: 'AWSInsightsIndexService',
  version: '1.1',
  invalid: 'ValidationException',
  regions: ['us-east-1'],
  operations: {
    GetCostAndUsage: operation(
      z.strictObject({
        TimePeriod: z.strictObject({ Start: date, End: date }),
        Granularity: z.enum(['DAILY']),
        Filter: z.union([condition, z.strictObject({ Not: condition })]).optional(),
        Metrics: z.array(z.enum(metrics)).min(1),
        GroupBy: z.array(z.strictObject({ Type: z.literal('DIMENSION'), Key: dimensionKey })).max(2),
        NextPageToken: z.string().optional(),
      }),
      ({ NextPageToken: token, ...listing }, { world }) => {
        const { Start, End } = listing.TimePeriod
        if (Start >= End)
          throw new Refusal(
            'ValidationException',
            'Start date (and hour) should be before end date (and hour)',
          )
        if (world.clock.now() - Date.parse(Start) > 427 * 86_400_000)
          throw new Refusal('ValidationException', 'You haven’t enabled historical data beyond 14 months')
        observeUsage(world)
        const groups = days(Start, End).flatMap((day) => groupsOf(world, day, listing))
        const { page, next } = pageOf(world, groups, {
          listing,
          limit: 500,
          token,
          invalid: 'InvalidNextTokenException',
        })
        const shown =
          token === undefined && next === undefined
            ? days(Start, End)
            : [...new Set(page.map(({ day }) => day))]
        return {
          GroupDefinitions: listing.GroupBy,
          NextPageToken: next,
          ResultsByTime: shown.map((day) => ({
            TimePeriod: { Start: day, End: after(day) },
            Total: {},
            Groups: page
              .filter((group) => group.day === day)
              .map(({ keys, cost, quantity, unit }) => ({
                Keys: keys,
                Metrics: Object.fromEntries(
                  listing.Metrics.map((name) => [
                    name,
                    name.endsWith('Cost')
                      ? { Amount: cost.toFixed(10), Unit: 'USD' }
                      : { Amount: quantity.toFixed(10), Unit: unit },
                  ]),
                ),
              })),
            Estimated: world.clock.now() - Date.parse(day) < 3 * 86_400_000,
          })),
          DimensionValueAttributes: [],
        }
      },
    ),
  },
}

interface Charge {
  SERVICE: string
  USAGE_TYPE: string
  REGION: string
  RECORD_TYPE: string
  cost: number
  quantity: number
  unit: string
}

interface Listing {
  GroupBy: { Key: string }[]
  Filter?:
    | { Dimensions: z.output<typeof values> }
    | { Not: { Dimensions: z.output<typeof values> } }
    | undefined
}

function groupsOf(world: World, day: string, { GroupBy, Filter }: Listing) {
  const passes = (charge: Charge) => {
    if (!Filter) return true
    const { Key, Values } = 'Not' in Filter ? Filter.Not.Dimensions : Filter.Dimensions
    return Values.includes(fieldOf(charge, Key)) !== 'Not' in Filter
  }
  const groups = new Map<
    string,
    { day: string; keys: string[]; cost: number; quantity: number; unit: string }
  >()
  for (const charge of chargesOn(world, day).filter(passes)) {
    const keys = GroupBy.map(({ Key }) => fieldOf(charge, Key))
    const group = groups.get(keys.join('\n')) ?? { day, keys, cost: 0, quantity: 0, unit: charge.unit }
    group.cost += charge.cost
    group.quantity += charge.quantity
    groups.set(keys.join('\n'), group)
  }
  return [...groups.values()].toSorted((a, b) => (a.keys.join() < b.keys.join() ? -1 : 1))
}

const fieldOf = (charge: Charge, key: string): string =>
  String((charge as unknown as Record<string, unknown>)[key] ?? '')

function chargesOn(world: World, day: string): Charge[] {
  const startMs = Date.parse(day)
  const charges = [...world.services.usage.values()].flatMap((used): Charge[] => {
    const hours = (Math.min(used.toMs, startMs + 86_400_000) - Math.max(used.fromMs, startMs)) / 3_600_000
    if (hours <= 0) return []
    const prefix = usagePrefixes[used.region] ?? ''
    const common = { REGION: used.region, RECORD_TYPE: 'Usage' }
    const type = typeNamed(used.sku)
    if (used.kind === 'vm' && type)
      return [
        {
          ...common,
          SERVICE: 'Amazon Elastic Compute Cloud - Compute',
          USAGE_TYPE: `${prefix}BoxUsage:${used.sku}`,
          cost: hours * hourlyPrice(type, used.region),
          quantity: hours,
          unit: 'Hrs',
        },
      ]
    const months = (used.sizeGib * hours) / 730
    return [
      {
        ...common,
        SERVICE: 'EC2 - Other',
        USAGE_TYPE: `${prefix}EBS:VolumeUsage.${used.sku}`,
        cost: months * (volumePrice(used.sku, used.region) ?? 0),
        quantity: months,
        unit: 'GB-Month',
      },
    ]
  })
  // Taxes are charged on the first of the month, for the month.
  const total = charges.reduce((sum, { cost }) => sum + cost, 0)
  if (!day.endsWith('-01') || total === 0) return charges
  const other = { USAGE_TYPE: '', REGION: 'NoRegion', quantity: 0, unit: 'N/A' }
  return [
    ...charges,
    { ...other, SERVICE: 'Tax', RECORD_TYPE: 'Tax', cost: total * 0.19 },
    {
      ...other,
      SERVICE: 'Amazon Elastic Compute Cloud - Compute',
      RECORD_TYPE: 'Credit',
      cost: -total * 0.1,
    },
  ]
}

const after = (day: string): string => new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10)

function days(start: string, end: string): string[] {
  const found: string[] = []
  for (let day = start; day < end; day = after(day)) found.push(day)
  return found
}
