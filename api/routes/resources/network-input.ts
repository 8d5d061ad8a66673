import { invalid, type FieldError } from '#api/http/problem.ts'
import { contains, isFault, overlaps, parseCidr, type Cidr } from '#shared/cidr.ts'
import type { RuleBody } from '#api/views/rules.ts'

/** A range that a network or subnet is to have: IPv4, of a size that every cloud takes. @returns the range or what is wrong with it. */
export function networkRange(field: string, text: string): Cidr | FieldError {
  const cidr = parseCidr(text)
  if (isFault(cidr)) return { field, ...cidr }
  if (cidr.family === 6)
    return { field, reason: 'is a range of IPv6', remedy: 'Give an IPv4 range such as 10.20.0.0/16.' }
  if (cidr.prefix < 8 || cidr.prefix > 29)
    return {
      field,
      reason: `is of the size /${cidr.prefix}`,
      remedy: 'Use /8 to /29; AWS takes networks from /16 to /28.',
    }
  return cidr
}

/** Subnets lie within their network and beside each other. @throws ApiError naming every field that is wrong. */
export function assertSubnetsFit(
  network: { field: string; cidr: string },
  subnets: readonly { field: string; cidr: string }[],
  taken: readonly string[] = [],
): void {
  const errors: FieldError[] = []
  const outer = networkRange(network.field, network.cidr)
  if ('field' in outer) errors.push(outer)
  const placed = taken.flatMap((text) => {
    const cidr = parseCidr(text)
    return isFault(cidr) ? [] : [{ text, cidr }]
  })
  for (const { field, cidr: text } of subnets) {
    const cidr = networkRange(field, text)
    if ('field' in cidr) {
      errors.push(cidr)
      continue
    }
    const clash = placed.find((other) => overlaps(other.cidr, cidr))
    if (!('field' in outer) && !contains(outer, cidr))
      errors.push({
        field,
        reason: `is not within ${network.cidr}`,
        remedy: 'Use a part of the network’s range.',
      })
    else if (clash)
      errors.push({
        field,
        reason: `overlaps the subnet ${clash.text}`,
        remedy: 'Give each subnet a range of its own.',
      })
    placed.push({ text, cidr })
  }
  if (errors.length > 0) throw invalid(errors)
}

/** What a schema cannot say of security rules. @throws ApiError naming every field that is wrong. */
export function assertRulesSound(rules: readonly RuleBody[]): void {
  const errors = rules.flatMap((rule, nr) => [
    ...portErrors(rule, `rules[${nr}]`),
    ...rule.cidrs.flatMap((text, at) => {
      const cidr = parseCidr(text)
      return isFault(cidr) ? [{ field: `rules[${nr}].cidrs[${at}]`, ...cidr }] : []
    }),
  ])
  if (errors.length > 0) throw invalid(errors)
}

function portErrors({ protocol, from_port: from, to_port: to }: RuleBody, at: string): FieldError[] {
  if (from === undefined && to === undefined) return []
  if (protocol === 'icmp' || protocol === 'any')
    return [
      {
        field: `${at}.from_port`,
        reason: `is given for ${protocol}, which has no ports`,
        remedy: 'Leave from_port and to_port out, or name tcp or udp.',
      },
    ]
  if (from === undefined || to === undefined)
    return [
      {
        field: `${at}.${from === undefined ? 'from_port' : 'to_port'}`,
        reason: 'is missing beside the other one',
        remedy: 'Give both; the same for a single port; leave both out for all.',
      },
    ]
  return from <= to
    ? []
    : [{ field: `${at}.to_port`, reason: 'is below from_port', remedy: `Send at least ${from}.` }]
}
