import { createHash } from 'node:crypto'
import { instanceTypes, type InstanceType } from '#test/clouds/aws/catalog.ts'

/** US dollars an hour on demand: by size and region, as real ones roughly are. */
export function hourlyPrice({ vcpus, memoryMib, gpus, architecture }: InstanceType, region: string): number {
  const base = vcpus * 0.0208 + (memoryMib / 1024) * 0.0026 + gpus * 0.5
  return round(base * (architecture === 'arm64' ? 0.8 : 1) * (regionFactors[region] ?? 1))
}

/** US dollars a GiB and month. */
export function volumePrice(type: string, region: string): number | undefined {
  const base = volumePrices[type]
  return base === undefined ? undefined : round(base * (regionFactors[region] ?? 1))
}

/** The spot price of a type in a zone; it changes every hour. */
export function spotPrice(type: InstanceType, region: string, zone: string, atMs: number): number {
  const seed = createHash('md5')
    .update(`${type.name} ${zone} ${Math.floor(atMs / 3_600_000)}`)
    .digest()
  return round(hourlyPrice(type, region) * (0.25 + (seed.readUInt16BE() / 65_536) * 0.35))
}

export const volumeTypeNames = ['gp3', 'gp2', 'io1', 'io2', 'st1', 'sc1', 'standard']

export const typeNamed = (name: string): InstanceType | undefined =>
  instanceTypes.find((type) => type.name === name)

/** What usage types begin with: the billing documentation's region codes; us-east-1 has none. */
export const usagePrefixes: Readonly<Record<string, string>> = {
  'us-east-1': '',
  'us-west-2': 'USW2-',
  'eu-west-1': 'EU-',
}

const regionFactors: Readonly<Record<string, number>> = { 'us-east-1': 1, 'us-west-2': 1, 'eu-west-1': 1.11 }
const volumePrices: Readonly<Record<string, number>> = {
  gp3: 0.08,
  gp2: 0.1,
  io1: 0.125,
  io2: 0.125,
  st1: 0.045,
  sc1: 0.015,
  standard: 0.05,
}

const round = (value: number): number => Math.round(value * 1e6) / 1e6
