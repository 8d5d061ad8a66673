import { skuIdOf } from '#test/clouds/gcp/catalogue/skus.ts'
import { listOf, type Thing } from '#test/clouds/gcp/compute/world.ts'
import type { World } from '#test/clouds/gcp/world.ts'

const hourMs = 3_600_000
const dayMs = 86_400_000

/** The table of the detailed billing export. */
export const billingTable = (project: string): string =>
  `${project}.billing.gcp_billing_export_resource_v1_01C0DE_4B0001_ABCDEF`

/**
 * What VMs and disks have cost so far, hour by hour since they were made, in the schema of the export:
 * https://cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/detailed-usage
 */
export const billingRows = (world: World): Record<string, unknown>[] => [
  ...[...listOf(world.compute, 'instances'), retired(world)].flatMap((vm) => [
    ...rowsOf(world, vm, {
      sku: 'E2 Instance Core running in Americas',
      perHour: 0.04362318,
      unit: 'seconds',
      perUnit: 7200,
      pricing: 'hour',
      priced: 2,
    }),
    ...rowsOf(world, vm, {
      sku: 'E2 Instance Ram running in Americas',
      perHour: 0.02338824,
      unit: 'byte-seconds',
      perUnit: 8 * 2 ** 30 * 3600,
      pricing: 'gibibyte hour',
      priced: 8,
    }),
  ]),
  ...listOf(world.compute, 'disks').flatMap((disk) => {
    const sizeGb = Number(disk.body['sizeGb'])
    return rowsOf(world, disk, {
      sku: 'Balanced PD Capacity in Americas',
      perHour: (sizeGb * 0.1) / 730,
      unit: 'byte-seconds',
      perUnit: sizeGb * 2 ** 30 * 3600,
      pricing: 'gibibyte month',
      priced: sizeGb / 730,
    })
  }),
]

/** A VM that ran for the two weeks before today and is gone: a bill does not begin with the first thing that is made here. */
function retired(world: World): Billed {
  const todayMs = Math.floor(world.clock.now() / dayMs) * dayMs
  const [name, place] = ['retired-1', 'us-central1-a']
  const path = `projects/${world.project}/zones/${place}/instances/${name}`
  return {
    path,
    name,
    place,
    body: { labels: { team: 'ledger' } },
    createdMs: todayMs - 14 * dayMs,
    deletedMs: todayMs,
  }
}

/** What is billed, as long as it was there. */
type Billed = Pick<Thing, 'path' | 'name' | 'place' | 'body' | 'createdMs'> & { deletedMs?: number }

/** A row with every column, for a query's names to be checked against even if nothing was billed. */
export const exampleRow = (world: World): Record<string, unknown> =>
  rowOf(
    world,
    { path: 'example', name: 'example', place: 'us-central1-a', body: {} },
    new Date(0),
    0,
    1,
    rateOfExample,
  )

interface Rate {
  sku: string
  perHour: number
  unit: string
  perUnit: number
  pricing: string
  priced: number
}

const rateOfExample: Rate = {
  sku: 'example',
  perHour: 0,
  unit: 'seconds',
  perUnit: 0,
  pricing: 'hour',
  priced: 0,
}

function rowsOf(world: World, thing: Billed, rate: Rate): Record<string, unknown>[] {
  const rows: Record<string, unknown>[] = []
  const nowMs = thing.deletedMs ?? world.clock.now()
  for (let fromMs = thing.createdMs; fromMs < nowMs;) {
    const toMs = Math.min(nowMs, (Math.floor(fromMs / hourMs) + 1) * hourMs)
    // Not less than a minute is billed.
    const hours = Math.max(60_000, toMs - fromMs) / hourMs
    rows.push(rowOf(world, thing, new Date(fromMs), toMs, hours, rate))
    fromMs = toMs
  }
  return rows
}

function rowOf(
  world: World,
  { path, name, place, body }: Omit<Billed, 'createdMs'>,
  start: Date,
  endMs: number,
  hours: number,
  { sku, perHour, unit, perUnit, pricing, priced }: Rate,
): Record<string, unknown> {
  const cost = perHour * hours
  const region = place.replace(/-[a-z]$/, '')
  return {
    billing_account_id: '01C0DE-4B0001-ABCDEF',
    service: { id: '6F81-5844-456A', description: 'Compute Engine' },
    sku: { id: skuIdOf(sku), description: sku },
    usage_start_time: start,
    usage_end_time: new Date(endMs),
    project: { id: world.project, number: world.projectNumber, name: world.project, labels: [] },
    labels: Object.entries((body['labels'] ?? {}) as Record<string, string>).map(([key, value]) => ({
      key,
      value,
    })),
    system_labels: [],
    location: { location: region, country: 'US', region, zone: place },
    resource: {
      name: `projects/${world.projectNumber}/instances/${name}`,
      global_name: `//compute.googleapis.com/${path}`,
    },
    cost,
    cost_at_list: cost,
    currency: 'USD',
    currency_conversion_rate: 1,
    usage: { amount: perUnit * hours, unit, amount_in_pricing_units: priced * hours, pricing_unit: pricing },
    credits: sku.includes('Core')
      ? [{ name: 'Sustained Usage Discount', amount: -cost / 10, type: 'SUSTAINED_USAGE_DISCOUNT' }]
      : [],
    invoice: { month: `${start.getUTCFullYear()}${String(start.getUTCMonth() + 1).padStart(2, '0')}` },
    cost_type: 'regular',
    adjustment_info: null,
  }
}
