import type { Architecture, Firmware, InstanceSize } from '#shared/clouds/port.ts'
import { PlacementError } from '#shared/placement/errors.ts'

/** What a VM needs. */
export interface SizeDemand {
  /** A generic size (`small`, `medium`, …) or the cloud's own name of one; it decides alone. */
  instanceType?: string | undefined
  /** At least so many. */
  vcpus?: number | undefined
  /** At least so much. */
  memoryMib?: number | undefined
  /** x86_64 unless said otherwise. Of a size named in the cloud's words it is only required if given. */
  architecture?: Architecture | undefined
  firmware?: Firmware | undefined
  gpus?: number | undefined
}

/**
 * The generic sizes. They follow the steps in which both EC2's t3 and Azure's B families are sold, so `medium` is a t3.medium or a B2s,
 * which is what somebody who knows those clouds expects of the word.
 */
export const genericSizes: Readonly<Record<string, { vcpus: number; memoryMib: number }>> = {
  nano: { vcpus: 1, memoryMib: 512 },
  micro: { vcpus: 1, memoryMib: 1_024 },
  small: { vcpus: 1, memoryMib: 2_048 },
  medium: { vcpus: 2, memoryMib: 4_096 },
  large: { vcpus: 2, memoryMib: 8_192 },
  xlarge: { vcpus: 4, memoryMib: 16_384 },
  '2xlarge': { vcpus: 8, memoryMib: 32_768 },
}

/**
 * Chooses a cloud's own size for a demand: the cheapest that is large enough, by a rough estimate; of equally cheap ones the newest
 * generation, then the first by name. The same sizes and demand always give the same answer. Pure.
 * @param sizes what the cloud has on offer, in any order.
 * @throws PlacementError `size_unknown` or `size_unavailable`, saying what was asked for and what there is.
 */
export function chooseSize(sizes: readonly InstanceSize[], demand: SizeDemand): InstanceSize {
  const { instanceType } = demand
  const generic = instanceType === undefined ? demand : genericSizes[instanceType.toLowerCase()]
  if (instanceType !== undefined && !generic) return namedSize(sizes, instanceType, demand)
  const needed = { ...demand, ...generic, architecture: demand.architecture ?? 'x86_64' }
  const [best] = sizes.filter((size) => suits(size, needed)).toSorted(byPreference)
  if (best) return best
  throw noneFits(sizes, needed)
}

function namedSize(sizes: readonly InstanceSize[], name: string, demand: SizeDemand): InstanceSize {
  const size = sizes.find((one) => one.name.toLowerCase() === name.toLowerCase())
  if (!size)
    throw new PlacementError(`The cloud offers no size "${name}" here.`, {
      code: 'size_unknown',
      remedy: `Use a generic size (${Object.keys(genericSizes).join(', ')}) or one of the cloud's own, such as ${examples(sizes)}.`,
    })
  const { architecture, firmware } = demand
  if (
    suits(size, {
      ...(architecture ? { architecture } : {}),
      ...(firmware ? { firmware } : {}),
      gpus: size.gpus,
    })
  )
    return size
  throw new PlacementError(
    `The size "${size.name}" runs ${size.architectures.join('/')} by ${size.firmwares.join('/')}, not ${wishOf({ architecture, firmware })}.`,
    { code: 'size_unavailable', remedy: 'Name another size, or leave it out.' },
  )
}

function suits(
  size: InstanceSize,
  { vcpus = 0, memoryMib = 0, architecture, firmware, gpus = 0 }: SizeDemand,
): boolean {
  return (
    size.vcpus >= vcpus &&
    size.memoryMib >= memoryMib &&
    (architecture === undefined || size.architectures.includes(architecture)) &&
    (firmware === undefined || size.firmwares.includes(firmware)) &&
    // Nobody wants to pay for a GPU that was not asked for.
    (gpus === 0 ? size.gpus === 0 : size.gpus >= gpus)
  )
}

const byPreference = (a: InstanceSize, b: InstanceSize): number =>
  priceEstimate(a) - priceEstimate(b) ||
  generationOf(b.name) - generationOf(a.name) ||
  a.vcpus - b.vcpus ||
  (a.name < b.name ? -1 : 1)

/**
 * Roughly US dollars an hour. On-demand list prices of EC2 (us-east-1) and Azure (eastus) are nearly the same linear function: burstable sizes
 * (t2, t3, B) cost 0.0104 per GiB of memory, the others 0.035 per vCPU and 0.0035 per GiB.
 */
function priceEstimate({ vcpus, memoryMib, burstable, gpus }: InstanceSize): number {
  const gib = memoryMib / 1024
  const dollars = burstable ? 0.0104 * gib : 0.035 * vcpus + 0.0035 * gib
  return Math.round((dollars + gpus * 0.35) * 10_000)
}

/** `t3.medium` is of generation 3, `Standard_B2s_v2` of 2, `Standard_B2s` of 1. */
function generationOf(name: string): number {
  const version = /^[a-z]+(\d+)[a-z0-9-]*\./.exec(name)?.[1] ?? /_v(\d+)$/.exec(name)?.[1]
  return version === undefined ? 1 : Number(version)
}

function noneFits(sizes: readonly InstanceSize[], demand: SizeDemand): PlacementError {
  const { vcpus: _, memoryMib: __, ...kind } = demand
  const comparable = sizes.filter((size) => suits(size, kind))
  const largest = comparable.toSorted((a, b) => b.vcpus - a.vcpus || b.memoryMib - a.memoryMib)[0]
  const roomiest = comparable.toSorted((a, b) => b.memoryMib - a.memoryMib || b.vcpus - a.vcpus)[0]
  const top = [...new Set([largest, roomiest])].flatMap((size) => (size ? [describe(size)] : []))
  return new PlacementError(`No size on offer here has ${wishOf(demand)}.`, {
    code: 'size_unavailable',
    remedy:
      top.length > 0
        ? `The largest of that kind: ${top.join('; ')}. Ask for less, or use another region.`
        : `None is of that kind at all; there is ${examples(sizes)}. Use another region or provider.`,
  })
}

const wishOf = ({ vcpus, memoryMib, architecture, firmware, gpus }: SizeDemand): string =>
  [
    vcpus && `${vcpus} vCPU`,
    memoryMib && `${memoryMib} MiB`,
    gpus && `${gpus} GPU`,
    architecture,
    firmware?.toUpperCase(),
  ]
    .filter(Boolean)
    .join(', ')

const describe = ({ name, vcpus, memoryMib }: InstanceSize) => `${name} (${vcpus} vCPU, ${memoryMib} MiB)`

const examples = (sizes: readonly InstanceSize[]): string =>
  sizes.toSorted(byPreference).slice(0, 3).map(describe).join(', ') || 'none at all'
