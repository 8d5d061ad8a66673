import type { PlainReply, PlainRequest } from '#test/clouds/core/server.ts'
import { regions, sizes, type Context, type Sku } from '#test/clouds/azure/context.ts'
import { json } from '#test/clouds/azure/replies.ts'

/** The public price list: no token, its own form of errors, and rows for much that nobody asked for. */

export interface PriceItem {
  armRegionName: string
  armSkuName: string
  serviceName: string
  productName: string
  skuName: string
  meterName: string
  type: string
  unitOfMeasure: string
  retailPrice: number
  effectiveStartDate: string
}

/** What a size costs by the hour, on demand and in Linux. */
export const hourlyPrice = ({ vcpus, memoryGb, gpus }: Sku): number =>
  Math.round((vcpus * 0.031 + memoryGb * 0.0042 + gpus * 2.2) * 10_000) / 10_000

export function matchPrices(
  context: Context,
  request: PlainRequest,
): { operation: string; answer: () => PlainReply } | undefined {
  if (request.method !== 'GET' || request.url.pathname !== '/api/retail/prices') return undefined
  return { operation: 'RetailPrices_List', answer: () => listPrices(context, request) }
}

function listPrices({ url, pageSize }: Context, { url: asked, headers }: PlainRequest): PlainReply {
  const query = asked.searchParams
  for (const name of query.keys())
    if (!['api-version', 'currencyCode', '$filter', '$skip', '$top', 'meterRegion'].includes(name))
      return refuse(`The query parameter '${name}' is not known.`)
  if (headers['authorization'] !== undefined) return refuse('This service takes no token.')
  const currency = query.get('currencyCode') ?? 'USD'
  if (!/^'?USD'?$/.test(currency)) return refuse(`This loopback has prices in USD, not in ${currency}.`)
  const filter = readFilter(query.get('$filter') ?? '')
  if (filter === undefined) return refuse(`Invalid OData filter: ${query.get('$filter')}`)
  const skip = Number(query.get('$skip') ?? 0)
  if (!Number.isInteger(skip) || skip < 0) return refuse(`Invalid $skip: ${query.get('$skip')}`)
  const found = items().filter(filter)
  const end = skip + pageSize
  const next = new URL(asked.pathname + asked.search, url())
  next.searchParams.set('$skip', String(end))
  return json(200, {
    BillingCurrency: 'USD',
    CustomerEntityId: 'Default',
    CustomerEntityType: 'Retail',
    Items: found.slice(skip, end).map(show),
    NextPageLink: end < found.length ? next.href : null,
    Count: Math.min(pageSize, Math.max(0, found.length - skip)),
  })
}

const refuse = (message: string): PlainReply => json(400, { Error: { Code: 'BadRequest', Message: message } })

/** `a eq 'x' and (b eq 'y' or b eq 'z')`: what the documentation shows, with comparisons in the case given. */
function readFilter(text: string): ((item: PriceItem) => boolean) | undefined {
  if (text === '') return () => true
  const clauses = splitTop(text, ' and ')
  const tests = clauses.map((clause) => {
    const inner = clause.startsWith('(') && clause.endsWith(')') ? clause.slice(1, -1) : clause
    const options = splitTop(inner, ' or ').map((each) => {
      const [, field = '', value = ''] = /^(\w+) eq '((?:[^']|'')*)'$/.exec(each.trim()) ?? []
      return fields.has(field) ? { field, value: value.replaceAll("''", "'") } : undefined
    })
    return options.includes(undefined) ? undefined : options.flatMap((each) => each ?? [])
  })
  if (tests.includes(undefined)) return undefined
  return (item) =>
    tests.every((options = []) =>
      options.some(({ field, value }) => {
        const key = field === 'priceType' ? 'type' : field
        return String((item as unknown as Record<string, unknown>)[key]) === value
      }),
    )
}

const fields: ReadonlySet<string> = new Set([
  'armRegionName',
  'armSkuName',
  'serviceName',
  'productName',
  'skuName',
  'meterName',
  'priceType',
])

/** Splits where no parenthesis is open. */
function splitTop(text: string, by: string): string[] {
  const parts: string[] = []
  let [depth, start] = [0, 0]
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') depth += 1
    if (text[at] === ')') depth -= 1
    if (depth === 0 && text.startsWith(by, at)) {
      parts.push(text.slice(start, at))
      start = at + by.length
    }
  }
  return [...parts, text.slice(start)]
}

const since = '2024-06-01T00:00:00Z'

function items(): PriceItem[] {
  return regions.flatMap(({ name: armRegionName }) => [
    ...sizes.flatMap((size) => machineItems(armRegionName, size)),
    ...diskItems(armRegionName),
  ])
}

function machineItems(armRegionName: string, size: Sku): PriceItem[] {
  const name = size.name.replace('Standard_', '').replaceAll('_', ' ')
  const full = hourlyPrice(size)
  const item = (changes: Partial<PriceItem>): PriceItem => ({
    armRegionName,
    armSkuName: size.name,
    serviceName: 'Virtual Machines',
    productName: `Virtual Machines ${size.family} Series`,
    skuName: name,
    meterName: name,
    type: 'Consumption',
    unitOfMeasure: '1 Hour',
    retailPrice: full,
    effectiveStartDate: since,
    ...changes,
  })
  const share = (of: number) => Math.round(full * of * 1_000_000) / 1_000_000
  return [
    item({ productName: `Virtual Machines ${size.family} Series Windows`, retailPrice: share(1.9) }),
    item({ effectiveStartDate: '2099-01-01T00:00:00Z', retailPrice: share(0.9) }),
    item({}),
    item({ skuName: `${name} Low Priority`, meterName: `${name} Low Priority`, retailPrice: share(0.2) }),
    item({ skuName: `${name} Spot`, meterName: `${name} Spot`, retailPrice: share(0.13) }),
    item({ type: 'Reservation', retailPrice: share(5000) }),
  ]
}

const diskItems = (armRegionName: string): PriceItem[] =>
  (
    [
      ['Standard HDD Managed Disks', 'S10', 5.888],
      ['Standard SSD Managed Disks', 'E10', 9.6],
      ['Premium SSD Managed Disks', 'P10', 19.71],
    ] as const
  ).flatMap(([productName, step, retailPrice]) => {
    const item = (changes: Partial<PriceItem>): PriceItem => ({
      armRegionName,
      armSkuName: '',
      serviceName: 'Storage',
      productName,
      skuName: `${step} LRS`,
      meterName: `${step} LRS Disk`,
      type: 'Consumption',
      unitOfMeasure: '1/Month',
      retailPrice,
      effectiveStartDate: since,
      ...changes,
    })
    return [item({ meterName: `${step} LRS Disk Mount`, retailPrice: 0.5 }), item({})]
  })

const show = (item: PriceItem) => ({
  currencyCode: 'USD',
  tierMinimumUnits: 0,
  unitPrice: item.retailPrice,
  location: item.armRegionName,
  meterId: `meter-${item.meterName}`,
  productId: 'DZH318Z0BQ4C',
  skuId: 'DZH318Z0BQ4C/00TG',
  serviceId: 'DZH313Z7MMC8',
  serviceFamily: item.serviceName === 'Storage' ? 'Storage' : 'Compute',
  isPrimaryMeterRegion: true,
  ...item,
})
