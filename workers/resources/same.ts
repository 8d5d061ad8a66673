import type { LifecycleRule, SecurityRule } from '#shared/clouds/port.ts'

/**
 * Do these permit the same? Clouds give rules back in their own order, split or merged, with their own spelling of ranges: so they are compared
 * one range at a time, and descriptions do not count. No rules for egress is the same as one that permits all of it, however it is written.
 */
export const sameRules = (one: readonly SecurityRule[], other: readonly SecurityRule[]): boolean =>
  sameSet(permitsOf(one), permitsOf(other))

export const sameLifecycle = (one: readonly LifecycleRule[], other: readonly LifecycleRule[]): boolean =>
  sameSet(one.map(textOf), other.map(textOf))

const sameSet = (one: readonly string[], other: readonly string[]): boolean => {
  const [a, b] = [new Set(one), new Set(other)]
  return a.size === b.size && [...a].every((text) => b.has(text))
}

function permitsOf(rules: readonly SecurityRule[]): string[] {
  const permits = rules.flatMap(rangesOf)
  const egress = permits.filter((text) => text.startsWith('egress '))
  const closed = egress.some((text) => !everything.has(text)) || (egress.length > 0 && !egress.includes(open))
  return closed ? permits : [...permits.filter((text) => !everything.has(text)), open]
}

/** To everywhere, which goes for IPv6 too. */
const open = 'egress any all 0.0.0.0/0'
const everything = new Set([open, 'egress any all ::/0'])

/** A rule without ranges permits nothing, and is not the same as no rule. */
const rangesOf = ({ direction, protocol, fromPort, toPort, cidrs }: SecurityRule): string[] =>
  (cidrs.length === 0 ? ['nothing'] : cidrs).map((cidr) =>
    [direction, protocol, portsOf(fromPort, toPort), spelled(cidr)].join(' '),
  )

/** All ports, said in either way. */
function portsOf(from: number | undefined, to: number | undefined): string {
  const [first, last] = [from ?? 0, to ?? 65_535]
  return first <= 1 && last === 65_535 ? 'all' : `${first}-${last}`
}

/** Of IPv6 there are many spellings of one range. */
function spelled(cidr: string): string {
  const [address = '', prefix = ''] = cidr.split('/')
  const parsed = address.includes(':') ? URL.parse(`http://[${address}]`) : null
  return parsed ? `${parsed.hostname.slice(1, -1)}/${prefix}` : cidr
}

const textOf = ({ id, prefix, coolAfterDays, archiveAfterDays, expireAfterDays }: LifecycleRule): string =>
  JSON.stringify([id, prefix, coolAfterDays, archiveAfterDays, expireAfterDays])
