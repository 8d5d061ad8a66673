import { isIPv4 } from 'node:net'
import type { SecurityRule } from '#shared/clouds/port.ts'
import type { Forward } from '#shared/clouds/onprem/host.ts'
import { refusal } from '#shared/clouds/onprem/refusals.ts'

/** Most ports that an address leads to one VM: each is a listening socket of its hypervisor. */
export const mostPorts = 256

/**
 * The forwards by which an address leads to a VM: every port that its groups permit to everybody. A rule for some callers only gives none,
 * because QEMU's user-mode router cannot tell callers apart, and everybody would come in by it. Ports stay what they are.
 * @throws CloudError `invalid_request` for more than `mostPorts`, `unsupported` for an IPv6 address (QEMU forwards from IPv4 alone).
 */
export function forwardsFor(
  operation: string,
  hostAddress: string,
  rules: readonly SecurityRule[],
): Forward[] {
  const spans = rules.filter(permitsEverybody).flatMap(spansOf)
  if (spans.length === 0) return []
  if (!isIPv4(hostAddress))
    throw refusal(operation, `The address ${hostAddress} is IPv6, from which QEMU forwards nothing.`, {
      code: 'unsupported',
      remedy: 'Use an IPv4 address, or a VM on a bridge.',
    })
  if (spans.some(({ from, to }) => to - from >= mostPorts)) throw tooMany(operation, hostAddress)
  const ports = new Map(
    spans.flatMap(({ protocol, from, to }) =>
      Array.from({ length: to - from + 1 }, (_, at): [string, Forward] => [
        `${protocol} ${from + at}`,
        { protocol, hostAddress, hostPort: from + at, guestPort: from + at },
      ]),
    ),
  )
  if (ports.size > mostPorts) throw tooMany(operation, hostAddress)
  return [...ports.values()]
}

interface Span {
  protocol: Forward['protocol']
  from: number
  to: number
}

const permitsEverybody = ({ direction, cidrs }: SecurityRule): boolean =>
  direction === 'ingress' && cidrs.includes('0.0.0.0/0')

/** ICMP has no ports; the router answers it itself. */
const spansOf = ({ protocol, fromPort = 1, toPort = 65_535 }: SecurityRule): Span[] => {
  if (protocol === 'icmp') return []
  const protocols: Forward['protocol'][] = protocol === 'any' ? ['tcp', 'udp'] : [protocol]
  return protocols.map((each) => ({ protocol: each, from: Math.max(1, fromPort), to: toPort }))
}

const tooMany = (operation: string, address: string) =>
  refusal(
    operation,
    `The VM’s security groups permit everybody more than ${mostPorts} ports, and ${address} can lead at most so many.`,
    {
      code: 'invalid_request',
      remedy: `Name the ports that are to be reached from outside, at most ${mostPorts}; rules for some callers only do not count.`,
    },
  )
