import { createHash } from 'node:crypto'

/** What is priced in every region: description (without the place), usage type, group, unit and price in US dollars at Iowa. */
interface Priced {
  description: string
  usageType: string
  family: 'Compute' | 'Storage' | 'Network'
  group: string
  unit: string
  dollars: number
  freeFirst?: number
}

/** As the public price list had them in 2026, per vCPU and per GiB of memory and hour. */
const families: readonly [said: string, core: number, ram: number][] = [
  ['E2 Instance', 0.02181159, 0.00292353],
  ['N1 Predefined Instance', 0.031611, 0.004237],
  ['N2 Instance', 0.031611, 0.004237],
  ['N2D AMD Instance', 0.027502, 0.003686],
  ['N4 Instance', 0.0342, 0.003783],
  ['C3 Instance', 0.03398, 0.004558],
  ['C2D AMD Instance', 0.029563, 0.003959],
  ['Compute optimized', 0.03398, 0.00455],
  ['T2A Arm Instance', 0.02125, 0.00285],
  ['A2 Instance', 0.031611, 0.004237],
]

/** By how much places differ from Iowa. */
const places: Readonly<Record<string, { said: string; factor: number }>> = {
  'us-central1': { said: 'Americas', factor: 1 },
  'us-east1': { said: 'South Carolina', factor: 1 },
  'europe-west1': { said: 'Belgium', factor: 1.1 },
  'europe-west4': { said: 'Netherlands', factor: 1.101 },
  'asia-east1': { said: 'Taiwan', factor: 1.158 },
  'australia-southeast1': { said: 'Sydney', factor: 1.419 },
}

const priced: readonly Priced[] = [
  ...families.flatMap(([said, core, ram]) =>
    (
      [
        ['', 'OnDemand', 1],
        ['Spot Preemptible ', 'Preemptible', 0.31],
      ] as const
    ).flatMap(([before, usageType, share]): Priced[] => [
      {
        description: `${before}${said} Core running`,
        usageType,
        family: 'Compute',
        group: 'CPU',
        unit: 'h',
        dollars: core * share,
      },
      {
        description: `${before}${said} Ram running`,
        usageType,
        family: 'Compute',
        group: 'RAM',
        unit: 'GiBy.h',
        dollars: ram * share,
      },
    ]),
  ),
  // Others of the same families, which are not the price of a plain machine.
  ...(['Core', 'Ram'] as const).flatMap((part): Priced[] => [
    {
      description: `N2 Custom Instance ${part} running`,
      usageType: 'OnDemand',
      family: 'Compute',
      group: part === 'Core' ? 'CPU' : 'RAM',
      unit: 'h',
      dollars: 0.0332,
    },
    {
      description: `N2 Sole Tenancy Instance ${part} running`,
      usageType: 'OnDemand',
      family: 'Compute',
      group: part === 'Core' ? 'CPU' : 'RAM',
      unit: 'h',
      dollars: 0.0341,
    },
    {
      description: `Commitment v1: N2 ${part}`,
      usageType: 'Commit1Yr',
      family: 'Compute',
      group: part === 'Core' ? 'CPU' : 'RAM',
      unit: 'h',
      dollars: 0.0199,
    },
  ]),
  {
    description: 'Storage PD Capacity',
    usageType: 'OnDemand',
    family: 'Storage',
    group: 'PDStandard',
    unit: 'GiBy.mo',
    dollars: 0.04,
    freeFirst: 30,
  },
  {
    description: 'Balanced PD Capacity',
    usageType: 'OnDemand',
    family: 'Storage',
    group: 'SSD',
    unit: 'GiBy.mo',
    dollars: 0.1,
  },
  {
    description: 'SSD backed PD Capacity',
    usageType: 'OnDemand',
    family: 'Storage',
    group: 'SSD',
    unit: 'GiBy.mo',
    dollars: 0.17,
  },
  {
    description: 'Regional SSD backed PD Capacity',
    usageType: 'OnDemand',
    family: 'Storage',
    group: 'SSD',
    unit: 'GiBy.mo',
    dollars: 0.34,
  },
  {
    description: 'Storage PD Snapshot',
    usageType: 'OnDemand',
    family: 'Storage',
    group: 'PDSnapshot',
    unit: 'GiBy.mo',
    dollars: 0.05,
  },
  {
    description: 'Network Internet Egress from Americas to Americas',
    usageType: 'OnDemand',
    family: 'Network',
    group: 'PremiumInternetEgress',
    unit: 'GiBy',
    dollars: 0.12,
    freeFirst: 1,
  },
]

/** The SKUs of Compute Engine in a region, as the catalogue describes them. */
export const skusIn = (region: string) =>
  priced.map((one) => {
    const { said = region, factor = 1 } = places[region] ?? {}
    const description = `${one.description} in ${said}`
    const nanos = Math.round(one.dollars * factor * 1e9)
    const rate = (startUsageAmount: number, price: number) => ({
      startUsageAmount,
      unitPrice: { currencyCode: 'USD', units: String(Math.floor(price / 1e9)), nanos: price % 1e9 },
    })
    const skuId = skuIdOf(`${one.description} ${region}`)
    return {
      name: `services/6F81-5844-456A/skus/${skuId}`,
      skuId,
      description,
      category: {
        serviceDisplayName: 'Compute Engine',
        resourceFamily: one.family,
        resourceGroup: one.group,
        usageType: one.usageType,
      },
      serviceRegions: [region],
      pricingInfo: [
        {
          summary: '',
          pricingExpression: {
            usageUnit: one.unit,
            displayQuantity: 1,
            tieredRates:
              one.freeFirst === undefined ? [rate(0, nanos)] : [rate(0, 0), rate(one.freeFirst, nanos)],
          },
          currencyConversionRate: 1,
          effectiveTime: '2026-11-01T00:00:00Z',
        },
      ],
      serviceProviderName: 'Google',
      geoTaxonomy: { type: 'REGIONAL', regions: [region] },
    }
  })

/** e.g. `0013-863C-A2FF` */
export const skuIdOf = (text: string): string =>
  (createHash('md5').update(text).digest('hex').slice(0, 12).toUpperCase().match(/.{4}/g) ?? []).join('-')
