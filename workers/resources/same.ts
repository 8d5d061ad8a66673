import type { LifecycleRule, SecurityRule } from '#shared/clouds/port.ts'

/**
 * Do these permit the same? Clouds give rules back in their own order, split or merged: so they are compared one range at a time, and
 * descriptions do not count.
 */
export const sameRules = (one: readonly SecurityRule[], other: readonly SecurityRule[]): boolean =>
  sameSet(one.flatMap(permitsOf), other.flatMap(permitsOf))

export const sameLifecycle = (one: readonly LifecycleRule[], other: readonly LifecycleRule[]): boolean =>
  sameSet(one.map(textOf), other.map(textOf))

const sameSet = (one: readonly string[], other: readonly string[]): boolean => {
  const [a, b] = [new Set(one), new Set(other)]
  return a.size === b.size && [...a].every((text) => b.has(text))
}

const permitsOf = ({ direction, protocol, fromPort, toPort, cidrs }: SecurityRule): string[] =>
  cidrs.map((cidr) => [direction, protocol, portsOf(fromPort, toPort), cidr.toLowerCase()].join(' '))

/** All ports, said in either way. */
function portsOf(from: number | undefined, to: number | undefined): string {
  const [first, last] = [from ?? 0, to ?? 65_535]
  return first <= 1 && last === 65_535 ? 'all' : `${first}-${last}`
}

const textOf = ({ id, prefix, coolAfterDays, archiveAfterDays, expireAfterDays }: LifecycleRule): string =>
  JSON.stringify([id, prefix, coolAfterDays, archiveAfterDays, expireAfterDays])
