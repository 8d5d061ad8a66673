import { createHash } from 'node:crypto'
import { z } from 'zod'
import { instanceTypes } from '#test/clouds/aws/catalog.ts'
import { hourlyPrice, usagePrefixes, volumePrice, volumeTypeNames } from '#test/clouds/aws/json/prices.ts'
import { operation, pageOf, type JsonService } from '#test/clouds/aws/json/service.ts'
import { Refusal } from '#test/clouds/aws/refusal.ts'
import { regionZones } from '#test/clouds/aws/catalog.ts'

/** The Price List Query API: products as JSON texts, among them many that one is not looking for. */
export const pricing: JsonService = {
  name: 'pricing',
  target: 'AWSPriceListService',
  version: '1.1',
  invalid: 'InvalidParameterException',
  regions: ['us-east-1', 'eu-central-1', 'ap-south-1'],
  operations: {
    GetProducts: operation(
      z.strictObject({
        ServiceCode: z.string(),
        Filters: z
          .array(z.strictObject({ Type: z.literal('TERM_MATCH'), Field: z.string(), Value: z.string() }))
          .max(50)
          .optional(),
        FormatVersion: z.literal('aws_v1').optional(),
        NextToken: z.string().optional(),
        MaxResults: z.int().min(1).max(100).optional(),
      }),
      ({ NextToken: token, MaxResults: limit = 100, ...listing }, { world }) => {
        if (listing.ServiceCode !== 'AmazonEC2')
          throw new Refusal('NotFoundException', `No service ${listing.ServiceCode}`)
        products ??= [...allProducts()]
        const found = products.filter(({ product: { productFamily, attributes } }) =>
          (listing.Filters ?? []).every(({ Field, Value }) => {
            const value = Field === 'productFamily' ? productFamily : attributes[Field]
            return value?.toLowerCase() === Value.toLowerCase()
          }),
        )
        const { page, next } = pageOf(world, found, {
          listing,
          limit,
          token,
          invalid: 'InvalidNextTokenException',
        })
        return {
          FormatVersion: 'aws_v1',
          PriceList: page.map((each) => JSON.stringify(each)),
          NextToken: next,
        }
      },
    ),
  },
}

interface Product {
  product: { productFamily: string; attributes: Record<string, string>; sku: string }
  serviceCode: string
  terms: { OnDemand: Record<string, object> }
  version: string
  publicationDate: string
}

let products: Product[] | undefined

function* allProducts(): Generator<Product> {
  for (const region of Object.keys(regionZones)) {
    for (const type of instanceTypes) {
      const price = hourlyPrice(type, region)
      const common = {
        instanceType: type.name,
        vcpu: String(type.vcpus),
        memory: `${type.memoryMib / 1024} GiB`,
        regionCode: region,
        locationType: 'AWS Region',
        tenancy: 'Shared',
        operatingSystem: 'Linux',
        preInstalledSw: 'NA',
        capacitystatus: 'Used',
        licenseModel: 'No License required',
        marketoption: 'OnDemand',
        operation: 'RunInstances',
        usagetype: `${usagePrefixes[region] ?? ''}BoxUsage:${type.name}`,
        servicecode: 'AmazonEC2',
      }
      yield product('Compute Instance', common, 'Hrs', price)
      yield product(
        'Compute Instance',
        { ...common, operatingSystem: 'Windows', operation: 'RunInstances:0002' },
        'Hrs',
        price * 1.6,
      )
      yield product('Compute Instance', { ...common, tenancy: 'Dedicated' }, 'Hrs', price * 1.1)
      yield product(
        'Compute Instance',
        { ...common, capacitystatus: 'AllocatedCapacityReservation' },
        'Hrs',
        0,
      )
      yield product(
        'Compute Instance',
        { ...common, preInstalledSw: 'SQL Std', operation: 'RunInstances:0004' },
        'Hrs',
        price * 3,
      )
    }
    for (const name of volumeTypeNames) {
      const attributes = {
        volumeApiName: name,
        regionCode: region,
        usagetype: `${usagePrefixes[region] ?? ''}EBS:VolumeUsage.${name}`,
        servicecode: 'AmazonEC2',
      }
      yield product('Storage', attributes, 'GB-Mo', volumePrice(name, region) ?? 0)
    }
  }
}

function product(
  productFamily: string,
  attributes: Record<string, string>,
  unit: string,
  price: number,
): Product {
  const sku = createHash('md5')
    .update(JSON.stringify([productFamily, attributes]))
    .digest('hex')
    .slice(0, 16)
    .toUpperCase()
  const term = `${sku}.JRTCKXETXF`
  return {
    product: { productFamily, attributes, sku },
    serviceCode: 'AmazonEC2',
    terms: {
      OnDemand: {
        [term]: {
          priceDimensions: {
            [`${term}.6YS6EN2CT7`]: {
              unit,
              endRange: 'Inf',
              beginRange: '0',
              description: `$${price} per ${unit}`,
              rateCode: `${term}.6YS6EN2CT7`,
              appliesTo: [],
              pricePerUnit: { USD: price.toFixed(10) },
            },
          },
          sku,
          effectiveDate: '2026-11-01T00:00:00Z',
          offerTermCode: 'JRTCKXETXF',
          termAttributes: {},
        },
      },
    },
    version: '20261115000000',
    publicationDate: '2026-11-15T00:00:00Z',
  }
}
