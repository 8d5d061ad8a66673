import type { Filter } from '@aws-sdk/client-pricing'
import { z } from 'zod'
import type { Money } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { pages } from '#shared/clouds/aws/paging.ts'

/** A product of the price list with what it costs on demand, per unit of the first tier. */
export interface ListedProduct {
  attributes: Record<string, string>
  unit: string
  price: Money
  asOf: Date
}

/** Products of EC2's price list, paged to the end. Those without a price on demand are left out. */
export async function* listedProducts(
  aws: AwsClients,
  terms: Readonly<Record<string, string>>,
): AsyncGenerator<ListedProduct> {
  const Filters: Filter[] = Object.entries(terms).map(([Field, Value]) => ({
    Type: 'TERM_MATCH',
    Field,
    Value,
  }))
  const all = pages((token) =>
    aws.pricing('GetProducts', (pricing, http) =>
      pricing.getProducts(
        { ServiceCode: 'AmazonEC2', FormatVersion: 'aws_v1', Filters, MaxResults: 100, ...token },
        http,
      ),
    ),
  )
  for await (const { PriceList = [] } of all) {
    for (const text of PriceList) {
      const product = readProduct(String(text))
      if (product) yield product
    }
  }
}

/** Reads one product of the price list: "Reading the service price list file for an AWS service". */
export function readProduct(text: string): ListedProduct | undefined {
  const { product, terms, publicationDate } = shape.parse(JSON.parse(text))
  const [term] = Object.values(terms.OnDemand ?? {})
  const dimension = Object.values(term?.priceDimensions ?? {}).find(
    ({ beginRange = '0' }) => beginRange === '0',
  )
  const [currency, amount] = Object.entries(dimension?.pricePerUnit ?? {})[0] ?? []
  if (dimension === undefined || currency === undefined || amount === undefined) return undefined
  return {
    attributes: product.attributes,
    unit: dimension.unit,
    price: { amount: plainDecimal(amount), currency },
    asOf: new Date(publicationDate ?? term?.effectiveDate ?? 0),
  }
}

/** `0.0416000000` is `0.0416`. */
export const plainDecimal = (amount: string): string =>
  amount.includes('.') ? amount.replace(/\.?0+$/, '') : amount

const shape = z.object({
  product: z.object({ attributes: z.record(z.string(), z.string()) }),
  terms: z.object({
    OnDemand: z
      .record(
        z.string(),
        z.object({
          effectiveDate: z.string().optional(),
          priceDimensions: z.record(
            z.string(),
            z.object({
              unit: z.string(),
              beginRange: z.string().optional(),
              pricePerUnit: z.record(z.string(), z.string()),
            }),
          ),
        }),
      )
      .optional(),
  }),
  publicationDate: z.string().optional(),
})
