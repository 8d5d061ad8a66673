import type { SecurityRule } from '#shared/clouds/facets/networks.ts'
import { el, type XmlElement } from '#shared/clouds/onprem/libvirt/xml.ts'

/** A filter of libvirt's. https://libvirt.org/formatnwfilter.html */
export const namedFilter = ({
  name,
  uuid,
  content,
}: {
  name: string
  uuid: string
  content: XmlElement[]
}): XmlElement => el('filter', { name, chain: 'root' }, el('uuid', {}, uuid), ...content)

/** What a security group permits; answers to what is permitted come with it. Without egress rules everything may be called. */
export function groupRules(rules: readonly SecurityRule[]): XmlElement[] {
  const egress: readonly SecurityRule[] = rules.some(({ direction }) => direction === 'egress')
    ? []
    : [{ direction: 'egress', protocol: 'any', cidrs: ['0.0.0.0/0', '::/0'] }]
  return [...rules, ...egress].flatMap((rule) => rule.cidrs.map((cidr) => permit(rule, cidr)))
}

/** The filter of one interface: what its groups permit, what any network needs, and nothing else. */
export const interfaceFilter = (groups: readonly string[]): XmlElement[] => [
  ...groups.map((filter) => el('filterref', { filter })),
  // DHCP: the request goes to everybody, so the answer is not known as one.
  rule('accept', 'out', priorities.always, el('udp', { srcportstart: 68, dstportstart: 67 })),
  rule('accept', 'in', priorities.always, el('udp', { srcportstart: 67, dstportstart: 68 })),
  // Neighbour discovery, without which IPv6 has no addresses: types 133 to 137.
  ...[133, 134, 135, 136, 137].map((type) =>
    rule('accept', 'inout', priorities.always, el('icmpv6', { type })),
  ),
  rule('drop', 'inout', priorities.last, el('all')),
  rule('drop', 'inout', priorities.last, el('all-ipv6')),
]

/** Lower ones are asked first. */
const priorities = { always: 100, permits: 500, last: 900 } as const

function permit({ direction, protocol, fromPort, toPort }: SecurityRule, cidr: string): XmlElement {
  const isV6 = cidr.includes(':')
  const [address = '', bits = ''] = cidr.split('/')
  const side = direction === 'ingress' ? 'src' : 'dst'
  const range =
    bits === '0' ? {} : { [`${side}ipaddr`]: address, [`${side}ipmask`]: bits || (isV6 ? '128' : '32') }
  const ports = fromPort === undefined ? {} : { dstportstart: fromPort, dstportend: toPort ?? fromPort }
  return rule(
    'accept',
    direction === 'ingress' ? 'in' : 'out',
    priorities.permits,
    el(elementOf(protocol, isV6), { ...range, ...(protocol === 'tcp' || protocol === 'udp' ? ports : {}) }),
  )
}

function elementOf(protocol: SecurityRule['protocol'], isV6: boolean): string {
  if (protocol === 'any') return isV6 ? 'all-ipv6' : 'all'
  if (protocol === 'icmp') return isV6 ? 'icmpv6' : 'icmp'
  return isV6 ? `${protocol}-ipv6` : protocol
}

const rule = (action: string, direction: string, priority: number, match: XmlElement): XmlElement =>
  el('rule', { action, direction, priority }, match)
