import type { SecurityRule } from '#shared/clouds/facets/networks.ts'
import { findProgram, runProgram } from '#shared/clouds/onprem/qemu/process.ts'

/** An interface on a bridge, with the rules of all groups that bind it. */
export interface FilteredInterface {
  tap: string
  rules: readonly SecurityRule[]
}

/**
 * Rules for nftables (nft(8), family `bridge`) that bind these interfaces, in place of all earlier ones in the table: what no rule permits is
 * dropped, but for ARP, neighbour discovery and DHCP, and answers to what was permitted. Without an egress rule everything may be called.
 */
export function compileRuleset(table: string, interfaces: readonly FilteredInterface[]): string {
  const chains = interfaces.flatMap(({ tap, rules }) => [
    chain(`to_${tap}`, rules, 'ingress'),
    chain(`from_${tap}`, rules, 'egress'),
  ])
  const jumps = interfaces.flatMap(({ tap }) => [
    `    oifname "${tap}" jump to_${tap}`,
    `    iifname "${tap}" jump from_${tap}`,
  ])
  // Named twice, so that deleting works whether or not it is there; nft does all of it or nothing.
  return [
    `table bridge ${table}`,
    `delete table bridge ${table}`,
    `table bridge ${table} {`,
    ...chains,
    ...hooks.map((hook) => base(hook, jumps)),
    '}',
    '',
  ].join('\n')
}

/**
 * Why this process cannot set such rules here; undefined if it can. The kernel is asked, without setting anything: some are built without
 * following connections over bridges (`CONFIG_NF_CONNTRACK_BRIDGE`), and then answers could not be told from calls.
 */
export async function whyNoFilter(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'setting rules for bridged interfaces needs root'
  const nft = await findNft().catch(() => undefined)
  if (nft === undefined) return 'nft is not installed here (Debian: apt-get install nftables)'
  const probe = compileRuleset('novacron_probe', [{ tap: 'nc-probe', rules: [] }])
  return await runProgram(nft, ['-c', '-f', '-'], { input: probe }).then(
    () => undefined,
    (error: unknown) => `this kernel does not take them: ${String(error)}`,
  )
}

/** Sets rules, all or none. @throws HostError `program_failed` with what nft says. */
export async function applyRuleset(ruleset: string, signal?: AbortSignal): Promise<void> {
  await runProgram(await findNft(), ['-f', '-'], { input: ruleset, ...(signal ? { signal } : {}) })
}

const findNft = () => findProgram('nft', `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`)

/** A guest talks to others on the bridge (forward), to the host (input), and the host to it (output). */
const hooks = ['forward', 'input', 'output'] as const

const base = (hook: (typeof hooks)[number], jumps: readonly string[]): string =>
  [`  chain ${hook} {`, `    type filter hook ${hook} priority 0; policy accept;`, ...jumps, '  }'].join('\n')

function chain(name: string, rules: readonly SecurityRule[], direction: SecurityRule['direction']): string {
  const own = rules.filter((rule) => rule.direction === direction)
  const isOpen = direction === 'egress' && own.length === 0
  const lines = [...always, ...(isOpen ? ['accept'] : own.flatMap((rule) => statements(rule))), 'drop']
  return [`  chain ${name} {`, ...lines.map((line) => `    ${line}`), '  }'].join('\n')
}

const always = [
  'ct state established,related accept',
  'ether type arp accept',
  'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert } accept',
  'udp sport 67 udp dport 68 accept',
  'udp sport 68 udp dport 67 accept',
]

/** One statement for each family of addresses that a rule names. */
function statements(rule: SecurityRule): string[] {
  const side = rule.direction === 'ingress' ? 'saddr' : 'daddr'
  const families = [
    { family: 'ip', cidrs: rule.cidrs.filter((cidr) => !cidr.includes(':')) },
    { family: 'ip6', cidrs: rule.cidrs.filter((cidr) => cidr.includes(':')) },
  ] as const
  return families
    .filter(({ cidrs }) => cidrs.length > 0)
    .map(({ family, cidrs }) =>
      [...addressMatch(family, side, cidrs), ...service(rule, family), 'accept'].join(' '),
    )
}

const addressMatch = (family: 'ip' | 'ip6', side: string, cidrs: readonly string[]): string[] =>
  cidrs.some((cidr) => cidr.endsWith('/0'))
    ? [`ether type ${family}`]
    : [`${family} ${side} { ${cidrs.map(checkedCidr).join(', ')} }`]

function service({ protocol, fromPort, toPort }: SecurityRule, family: 'ip' | 'ip6'): string[] {
  if (protocol === 'any') return []
  if (protocol === 'icmp') return [family === 'ip' ? 'meta l4proto icmp' : 'meta l4proto ipv6-icmp']
  const [first, last] = [fromPort ?? 0, toPort ?? fromPort ?? 65_535]
  return fromPort === undefined && toPort === undefined
    ? [`meta l4proto ${protocol}`]
    : [`${protocol} dport ${first}${last === first ? '' : `-${last}`}`]
}

/** What becomes part of a program's text is what it says it is. */
function checkedCidr(cidr: string): string {
  if (/^[0-9a-fA-F:.]{2,45}(\/\d{1,3})?$/.test(cidr)) return cidr
  throw new TypeError(`${JSON.stringify(cidr)} is no address range`)
}
