import type { GcpClient } from '#shared/clouds/gcp/client.ts'

/** One SKU of the public catalogue. https://cloud.google.com/billing/docs/reference/rest/v1/services.skus */
export interface Sku {
  skuId: string
  description: string
  category: { resourceFamily?: string; resourceGroup?: string; usageType?: string }
  serviceRegions?: string[]
  pricingInfo?: {
    effectiveTime?: string
    pricingExpression?: {
      usageUnit?: string
      tieredRates?: {
        startUsageAmount?: number
        unitPrice?: { currencyCode?: string; units?: string; nanos?: number }
      }[]
    }
  }[]
}

/** Compute Engine, among the services that the catalogue has prices of. */
const computeService = '6F81-5844-456A'

/** All SKUs of Compute Engine in US dollars, in all regions: the catalogue cannot be asked for less. Paged to the end (some 10 pages). */
export async function* listSkus(gcp: GcpClient): AsyncGenerator<Sku> {
  for (let pageToken: string | undefined; ;) {
    const page = (await gcp.rest('cloudbilling.services.skus.list', {
      method: 'GET',
      service: 'cloudbilling',
      path: `/v1/services/${computeService}/skus`,
      query: { currencyCode: 'USD', pageSize: 5000, pageToken },
    })) as { skus?: Sku[]; nextPageToken?: string }
    yield* page.skus ?? []
    pageToken = page.nextPageToken
    if (!pageToken) return
  }
}

/** The price of a unit in billionths of a dollar: that of the last tier, since only free amounts come before it. */
export function nanosOf({ pricingInfo = [] }: Sku): bigint | undefined {
  const price = pricingInfo.at(-1)?.pricingExpression?.tieredRates?.at(-1)?.unitPrice
  if (price === undefined) return undefined
  return BigInt(price.units ?? '0') * 1_000_000_000n + BigInt(price.nanos ?? 0)
}
