import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { listSkus, nanosOf, type Sku } from '#shared/clouds/gcp/prices/catalogue.ts'
import type { InstanceSize, Money, Price, PricesFacet } from '#shared/clouds/port.ts'

/**
 * Public prices. The catalogue prices vCPUs and memory of a machine family, not machine types: a type costs the sum of what it has
 * (https://cloud.google.com/compute/all-pricing). Types with GPUs or disks of their own are left out, because those are priced apart.
 */
export function createPrices(
  gcp: GcpClient,
  sizesIn: (region: string) => Promise<InstanceSize[]>,
): PricesFacet {
  return {
    async *list({ region, skus }) {
      const wanted = (sku: string) => skus === undefined || skus.includes(sku)
      const rates = await readRates(gcp, region)
      const asOf = new Date()
      for (const size of await sizesIn(region)) {
        if (!wanted(size.name) || size.gpus > 0 || /-(lssd|metal)\b/.test(size.name)) continue
        const [family = ''] = size.name.split('-')
        for (const model of ['on_demand', 'spot'] as const) {
          const rate = rates.families.get(`${family} ${model}`)
          if (rate?.core === undefined || rate.ram === undefined) continue
          const price = priceOf(size, rate.core, rate.ram)
          yield { region, kind: 'vm', sku: size.name, model, price, unit: 'hour', asOf }
        }
      }
      for (const [sku, nanos] of rates.volumes) {
        if (!wanted(sku)) continue
        yield {
          region,
          kind: 'volume',
          sku,
          model: 'on_demand',
          price: dollars(nanos * 1000n),
          unit: 'gib_month',
          asOf,
        }
      }
    },
  }
}

interface Rates {
  /** By family and model: the price of a vCPU and of a GiB of memory for an hour, in billionths of a dollar. */
  families: Map<string, { core?: bigint; ram?: bigint }>
  /** By type of disk: of a GiB for a month. */
  volumes: Map<string, bigint>
}

async function readRates(gcp: GcpClient, region: string): Promise<Rates> {
  const rates: Rates = { families: new Map(), volumes: new Map() }
  for await (const sku of listSkus(gcp)) {
    if (sku.serviceRegions?.includes(region) !== true) continue
    const nanos = nanosOf(sku)
    if (nanos === undefined) continue
    const machine = machineRate(sku)
    const volume = volumeTypes[sku.description.replace(/ in .*$/, '')]
    if (machine) {
      const key = `${machine.family} ${machine.model}`
      rates.families.set(key, { ...rates.families.get(key), [machine.part]: nanos })
    } else if (volume !== undefined && sku.category.usageType === 'OnDemand') rates.volumes.set(volume, nanos)
  }
  return rates
}

/** Which family's vCPU or memory a SKU prices, by its description, e.g. `Spot Preemptible N2D AMD Instance Core running in Iowa`. */
export function machineRate({
  description,
  category: { usageType = '' },
}: Pick<Sku, 'description' | 'category'>):
  | { family: string; model: Price['model']; part: 'core' | 'ram' }
  | undefined {
  const model = models[usageType]
  const [, said = '', part = ''] =
    /^(?:Spot )?(?:Preemptible )?(.+?)(?: Instance)? (Core|Ram) running in /.exec(description) ?? []
  if (model === undefined || said === '') return undefined
  const [first = '', ...more] = said.split(' ')
  const family =
    /^[A-Z]\d+[A-Z]?$/.test(first) && more.every((word) => plainWords.has(word))
      ? first.toLowerCase()
      : named[said]
  return family === undefined ? undefined : { family, model, part: part === 'Core' ? 'core' : 'ram' }
}

const models: Readonly<Record<string, Price['model']>> = { OnDemand: 'on_demand', Preemptible: 'spot' }

/** What may stand beside a family's name; with any other word (Custom, Sole Tenancy, Reserved, …) it is another price. */
const plainWords = new Set(['Predefined', 'AMD', 'Arm', 'Memory-optimized'])
const named: Readonly<Record<string, string>> = { 'Compute optimized': 'c2', 'Memory-optimized': 'm1' }

const volumeTypes: Readonly<Record<string, string>> = {
  'Storage PD Capacity': 'pd-standard',
  'Balanced PD Capacity': 'pd-balanced',
  'SSD backed PD Capacity': 'pd-ssd',
  'Extreme PD Capacity': 'pd-extreme',
}

/** Shared-core types have two vCPUs and pay for a part of them: https://cloud.google.com/compute/docs/general-purpose-machines#e2-shared-core */
const paidMilliVcpus: Readonly<Record<string, bigint>> = {
  'e2-micro': 250n,
  'e2-small': 500n,
  'e2-medium': 1000n,
}

function priceOf({ name, vcpus, memoryMib }: InstanceSize, core: bigint, ram: bigint): Money {
  const milliVcpus = paidMilliVcpus[name] ?? BigInt(vcpus) * 1000n
  // Billionths times a thousandth are trillionths; memory is priced by GiB.
  return dollars(core * milliVcpus + (ram * BigInt(memoryMib) * 1000n) / 1024n)
}

/** Trillionths of a dollar as a decimal string. */
function dollars(trillionths: bigint): Money {
  const text = trillionths.toString().padStart(13, '0')
  const fraction = text.slice(-12).replace(/0+$/, '')
  return {
    amount: fraction === '' ? text.slice(0, -12) : `${text.slice(0, -12)}.${fraction}`,
    currency: 'USD',
  }
}
