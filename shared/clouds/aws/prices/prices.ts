import type { _InstanceType } from '@aws-sdk/client-ec2'
import type { Price, PricesFacet } from '#shared/clouds/port.ts'
import type { AwsClients } from '#shared/clouds/aws/clients.ts'
import { pages } from '#shared/clouds/aws/paging.ts'
import { listedProducts, plainDecimal } from '#shared/clouds/aws/prices/products.ts'

/** Prices of instances and volumes from the price list, and of spot instances from EC2. */
export const createPrices = (aws: AwsClients): PricesFacet => ({
  async *list({ region, skus }) {
    const volumeSkus = skus?.filter((sku) => volumeTypes.has(sku))
    const vmSkus = skus?.filter((sku) => !volumeTypes.has(sku))
    if (vmSkus === undefined || vmSkus.length > 0) {
      const listed = new Set<string>()
      for await (const price of onDemand(aws, region, vmSkus)) {
        listed.add(price.sku)
        yield price
      }
      // EC2 refuses the whole question for one type that it does not know.
      const known = vmSkus?.filter((sku) => listed.has(sku))
      if (known === undefined || known.length > 0) yield* spot(aws, region, known)
    }
    if (volumeSkus === undefined || volumeSkus.length > 0) yield* volumes(aws, region, volumeSkus)
  },
})

async function* onDemand(
  aws: AwsClients,
  region: string,
  skus: readonly string[] | undefined,
): AsyncGenerator<Price> {
  const common = {
    regionCode: region,
    operatingSystem: 'Linux',
    tenancy: 'Shared',
    preInstalledSw: 'NA',
    capacitystatus: 'Used',
  }
  // The list has thousands; a few types are asked for one by one.
  const asked =
    skus !== undefined && skus.length <= askedOneByOne
      ? skus.map((sku) => ({ ...common, instanceType: sku }))
      : [common]
  for (const terms of asked) {
    for await (const { attributes, unit, price, asOf } of listedProducts(aws, terms)) {
      const sku = attributes['instanceType']
      if (sku === undefined || unit !== 'Hrs' || (skus && !skus.includes(sku))) continue
      yield { region, kind: 'vm', sku, model: 'on_demand', price, unit: 'hour', asOf }
    }
  }
}

/** The price of now in each zone: asked for from this moment on, EC2 gives the last change before it. */
async function* spot(
  aws: AwsClients,
  region: string,
  skus: readonly string[] | undefined,
): AsyncGenerator<Price> {
  const StartTime = new Date()
  const all = pages((token) =>
    aws.ec2(region, 'DescribeSpotPriceHistory', (ec2, http) =>
      ec2.describeSpotPriceHistory(
        {
          StartTime,
          EndTime: StartTime,
          ProductDescriptions: ['Linux/UNIX'],
          MaxResults: 1000,
          ...(skus === undefined ? {} : { InstanceTypes: [...skus] as _InstanceType[] }),
          ...token,
        },
        http,
      ),
    ),
  )
  const seen = new Set<string>()
  for await (const { SpotPriceHistory = [] } of all) {
    for (const { InstanceType: sku, AvailabilityZone: zone, SpotPrice, Timestamp } of SpotPriceHistory) {
      // Newest first: what comes later for the same type and zone is older.
      if (sku === undefined || zone === undefined || SpotPrice === undefined || seen.has(`${sku} ${zone}`))
        continue
      seen.add(`${sku} ${zone}`)
      const price = { amount: plainDecimal(SpotPrice), currency: region.startsWith('cn-') ? 'CNY' : 'USD' }
      yield {
        region,
        zone,
        kind: 'vm',
        sku,
        model: 'spot',
        price,
        unit: 'hour',
        asOf: Timestamp ?? StartTime,
      }
    }
  }
}

async function* volumes(
  aws: AwsClients,
  region: string,
  skus: readonly string[] | undefined,
): AsyncGenerator<Price> {
  for await (const { attributes, unit, price, asOf } of listedProducts(aws, {
    regionCode: region,
    productFamily: 'Storage',
  })) {
    const sku = attributes['volumeApiName']
    if (sku === undefined || unit !== 'GB-Mo' || (skus && !skus.includes(sku))) continue
    yield { region, kind: 'volume', sku, model: 'on_demand', price, unit: 'gib_month', asOf }
  }
}

const volumeTypes: ReadonlySet<string> = new Set(['gp2', 'gp3', 'io1', 'io2', 'st1', 'sc1', 'standard'])
const askedOneByOne = 8
