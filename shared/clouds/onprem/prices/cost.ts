import { fraction, minus, over, plus, sum, times, zero, type Fraction } from '#shared/fractions.ts'
import type { HostCost } from '#shared/clouds/onprem/settings.ts'

/** A month is 730 hours (a year of 365 days by twelve), as clouds reckon; so each day costs the same. */
export const hoursPerMonth = fraction(730)

/**
 * What a host costs for an hour at a time: its hardware, written off evenly from `since` on and then nothing any more, its power, its space.
 *
 *   hardware / amortise_months / 730  +  power_watts / 1000 × power_price_per_kwh  +  space_per_month / 730
 */
export function hourlyCost(cost: HostCost, since: Date, at: Date): Fraction {
  const isWrittenOff = at >= monthsAfter(since, cost.amortise_months)
  const perMonth = plus(
    isWrittenOff ? zero : over(fraction(cost.hardware), fraction(cost.amortise_months)),
    fraction(cost.space_per_month),
  )
  const power = times(over(fraction(cost.power_watts), fraction(1000)), fraction(cost.power_price_per_kwh))
  return plus(over(perMonth, hoursPerMonth), power)
}

/** The parts of a host's cost that are its vCPUs' and its memory's. */
export function split(cost: Fraction, memoryShare: number): { vcpus: Fraction; memory: Fraction } {
  const memory = times(cost, fraction(memoryShare))
  return { vcpus: minus(cost, memory), memory }
}

/** A host as its prices see it: what an hour of it costs, and what it can give away. */
export interface CostedHost {
  hourly: Fraction
  memoryShare: number
  vcpus: number
  memoryMib: number
}

/** Of a vCPU, and of a GiB of memory, for an hour: what all hosts cost together, by all that they can give away together. */
export function rates(hosts: readonly CostedHost[]): { vcpu: Fraction; gib: Fraction } {
  const parts = hosts.map(({ hourly, memoryShare }) => split(hourly, memoryShare))
  const total = (part: (host: CostedHost) => number) =>
    fraction(hosts.reduce((all, host) => all + part(host), 0))
  const gib = over(
    total(({ memoryMib }) => memoryMib),
    fraction(1024),
  )
  return {
    vcpu: over(
      sum(parts.map(({ vcpus }) => vcpus)),
      total(({ vcpus }) => vcpus),
    ),
    gib: over(sum(parts.map(({ memory }) => memory)), gib),
  }
}

/** A size for an hour. */
export const sizePrice = (
  { vcpu, gib }: { vcpu: Fraction; gib: Fraction },
  size: { vcpus: number; memoryMib: number },
): Fraction =>
  plus(times(vcpu, fraction(size.vcpus)), times(gib, over(fraction(size.memoryMib), fraction(1024))))

/** The same day of the month so many months later, or the month's last day. */
function monthsAfter(date: Date, months: number): Date {
  const first = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, 1))
  const days = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate()
  return new Date(first.getTime() + (Math.min(date.getUTCDate(), days) - 1) * 86_400_000)
}
