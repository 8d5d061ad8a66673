import type { Price, PricesFacet } from '#shared/clouds/port.ts'
import { fraction, over, sum, toDecimal, type Fraction } from '#shared/fractions.ts'
import { requireSize, sizesOf } from '#shared/clouds/onprem/compute/sizes.ts'
import { answering } from '#shared/clouds/onprem/answering.ts'
import type { Host, Site } from '#shared/clouds/onprem/hosts.ts'
import { capacityOf } from '#shared/clouds/onprem/placement/view.ts'
import { hourlyCost, rates, sizePrice, type CostedHost } from '#shared/clouds/onprem/prices/cost.ts'
import { costsSince } from '#shared/clouds/onprem/prices/since.ts'
import { CloudError } from '#shared/clouds/errors.ts'

/**
 * Prices of one's own hosts: what they cost, divided by all that they can give away. A host that is half empty costs more than its VMs pay; the
 * bill shows that as idle capacity. Of volumes the mean of the location's hosts.
 */
export const createPrices = (site: Site): PricesFacet => ({
  async *list({ region, skus }) {
    const asOf = new Date()
    const hosts = site.inRegion(region)
    const price = (sku: string, kind: Price['kind'], amount: Fraction): Price => ({
      region,
      kind,
      sku,
      model: 'on_demand',
      price: { amount: toDecimal(amount, pricePlaces), currency: site.settings.options.currency },
      unit: kind === 'vm' ? 'hour' : 'gib_month',
      asOf,
    })
    const rate = rates(await answering(hosts.map((host) => costed(host, asOf))))
    const sizes = skus === undefined ? await sizesOf(site, region) : skus.flatMap((sku) => sizeOf(site, sku))
    for (const size of sizes) yield price(size.name, 'vm', sizePrice(rate, size))
    if (skus === undefined || skus.includes(volumeSku)) {
      const perGib = hosts.map(({ settings }) => fraction(settings.cost.storage_per_gib_month))
      yield price(volumeSku, 'volume', over(sum(perGib), fraction(perGib.length)))
    }
  },
})

/** What an hour of a host costs, and what it can give away. */
export async function costed(host: Host, at: Date): Promise<CostedHost> {
  const [capacity, since] = await Promise.all([capacityOf(host), costsSince(host)])
  const { cost } = host.settings
  return { ...capacity, hourly: hourlyCost(cost, since, at), memoryShare: cost.memory_share }
}

/** Digits behind the point: a small size of a cheap host costs some thousandths of a cent. */
export const pricePlaces = 10

/** All volumes are of one kind. */
const volumeSku = 'qcow2'

/** None for what is no size, as on clouds. */
function sizeOf({ settings }: Site, sku: string) {
  try {
    return [requireSize(settings, 'prices.list', sku)]
  } catch (error) {
    if (error instanceof CloudError) return []
    throw error
  }
}
