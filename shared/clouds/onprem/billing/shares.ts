import { apportion, fraction, times, unitsOf, type Fraction } from '#shared/fractions.ts'
import { split } from '#shared/clouds/onprem/prices/cost.ts'

/** A time, in milliseconds since the epoch; `to` is exclusive. */
export interface Span {
  fromMs: number
  toMs: number
}

/** What a VM had of a host, and when it was powered on. */
export interface Tenant {
  vcpus: number
  memoryMib: number
  powered: readonly Span[]
}

/** Digits behind the point of every amount in the bill. */
export const billPlaces = 12

/** How long of `within` is in any of the spans, however they overlap. */
export function overlapMs(spans: readonly Span[], within: Span): number {
  let [reached, total] = [within.fromMs, 0]
  for (const { fromMs, toMs } of spans.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const [from, to] = [Math.max(fromMs, reached), Math.min(toMs, within.toMs)]
    if (to <= from) continue
    total += to - from
    reached = to
  }
  return total
}

/**
 * Splits what a host cost in a time among its VMs: each pays, of the part that is the vCPUs' and of the part that is the memory's, for what it had
 * of all that the host can give away, as long as it was powered on. The rest is idle capacity; so the shares and the rest are exactly the cost. If
 * more was given away than there is by now (a smaller over-commit), all of the cost is the VMs'.
 * @returns units of 10^-billPlaces, in the order of the tenants.
 */
export function shareOut(
  host: { hourly: Fraction; memoryShare: number; vcpus: number; memoryMib: number },
  within: Span,
  tenants: readonly Tenant[],
): { shares: bigint[]; idle: bigint } {
  const lengthMs = within.toMs - within.fromMs
  const hours: Fraction = { parts: BigInt(lengthMs), of: 3_600_000n }
  const total = unitsOf(times(host.hourly, hours), billPlaces)
  const memory = unitsOf(times(split(host.hourly, host.memoryShare).memory, hours), billPlaces)
  const onMs = tenants.map(({ powered }) => BigInt(overlapMs(powered, within)))
  const part = (units: bigint, all: number, had: (tenant: Tenant) => number): bigint[] => {
    const weights = tenants.map((tenant, index) => BigInt(had(tenant)) * (onMs[index] ?? 0n))
    const used = weights.reduce((sum, weight) => sum + weight, 0n)
    const free = BigInt(all) * BigInt(lengthMs) - used
    return apportion(units, [...weights, free > 0n ? free : 0n])
  }
  const cpuParts = part(total - memory, host.vcpus, ({ vcpus }) => vcpus)
  const memoryParts = part(memory, host.memoryMib, ({ memoryMib }) => memoryMib)
  const sums = cpuParts.map((units, index) => units + (memoryParts[index] ?? 0n))
  return { shares: sums.slice(0, -1), idle: sums.at(-1) ?? 0n }
}

/** What so many bytes cost in a time, at a price per GiB and month of 730 hours. */
export function storageCost(perGibMonth: string, sizeBytes: number, lengthMs: number): bigint {
  const gib: Fraction = { parts: BigInt(sizeBytes), of: 2n ** 30n }
  const months: Fraction = { parts: BigInt(lengthMs), of: 730n * 3_600_000n }
  return unitsOf(times(times(fraction(perGibMonth), gib), months), billPlaces)
}
