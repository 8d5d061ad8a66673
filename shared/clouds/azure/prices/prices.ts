import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { vmPrice, volumePrice, volumeTiers, type RetailItem } from '#shared/clouds/azure/prices/items.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { Price, PricesFacet } from '#shared/clouds/port.ts'

/** https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices */
const apiVersion = '2023-01-01-preview'

/** Sizes named in one query: their names make up the filter, and an address has its limits. */
const skusPerQuery = 15

/** The public list of retail prices, pay as you go and spot. It is asked without signing in. */
export function createPrices(client: AzureClient): PricesFacet {
  return {
    async *list({ region, skus }) {
      const asOf = new Date()
      const seen = new Set<string>()
      for (const filter of filtersFor(region, skus)) {
        for await (const item of itemsOf(client, filter)) {
          const price = vmPrice(item, asOf) ?? volumePrice(item, asOf)
          if (!price || (skus && !skus.includes(price.sku))) continue
          const key = `${price.sku} ${price.model}`
          if (seen.has(key)) continue
          seen.add(key)
          yield price satisfies Price
        }
      }
    },
  }
}

function filtersFor(region: string, skus: readonly string[] | undefined): string[] {
  const everywhere = `armRegionName eq ${quoted(region)} and priceType eq 'Consumption'`
  const disks = `${everywhere} and serviceName eq 'Storage' and (${volumeTiers.map((sku) => `skuName eq ${quoted(sku)}`).join(' or ')})`
  const machines = `${everywhere} and serviceName eq 'Virtual Machines'`
  if (skus === undefined) return [machines, disks]
  const sizes = skus.filter((sku) => !isVolumeType(sku))
  const filters: string[] = []
  for (let at = 0; at < sizes.length; at += skusPerQuery) {
    const some = sizes.slice(at, at + skusPerQuery).map((sku) => `armSkuName eq ${quoted(sku)}`)
    filters.push(`${machines} and (${some.join(' or ')})`)
  }
  return skus.length > sizes.length ? [...filters, disks] : filters
}

const isVolumeType = (sku: string): boolean => /_(LRS|ZRS)$/.test(sku)
const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

async function* itemsOf(client: AzureClient, filter: string): AsyncGenerator<RetailItem> {
  const { pricesUrl } = client.settings
  const first = new URL('/api/retail/prices', pricesUrl)
  first.searchParams.set('api-version', apiVersion)
  first.searchParams.set('currencyCode', 'USD')
  first.searchParams.set('$filter', filter)
  let next: string | undefined = first.href
  while (next !== undefined) {
    const page = (await client.pricePage('RetailPrices_List', next)) as RetailPage
    yield* page.Items
    next = page.NextPageLink || undefined
    if (next !== undefined && new URL(next).host !== first.host) throw elsewhere(next)
  }
}

interface RetailPage {
  Items: RetailItem[]
  NextPageLink?: string | null
}

const elsewhere = (url: string): CloudError =>
  new CloudError(`Azure's price list goes on at ${new URL(url).origin}, where it is not.`, {
    cloud: 'azure',
    operation: 'RetailPrices_List',
    code: 'cloud_error',
    remedy: 'Check endpoints.prices of the provider.',
  })
