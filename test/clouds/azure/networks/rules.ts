import { familyOf } from '#test/clouds/azure/networks/cidr.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'
import { list, object, oneOf, text, whole } from '#test/clouds/azure/schema.ts'

/** What a network security group's rules must keep to. */

export const ruleBody = object(
  'SecurityRule',
  {
    id: text,
    name: text,
    type: text,
    etag: text,
    properties: object(
      'SecurityRulePropertiesFormat',
      {
        description: text,
        protocol: oneOf('Tcp', 'Udp', 'Icmp', 'Esp', 'Ah', '*'),
        sourcePortRange: text,
        sourcePortRanges: list(text),
        destinationPortRange: text,
        destinationPortRanges: list(text),
        sourceAddressPrefix: text,
        sourceAddressPrefixes: list(text),
        destinationAddressPrefix: text,
        destinationAddressPrefixes: list(text),
        access: oneOf('Allow', 'Deny'),
        priority: whole(-2_147_483_648, 2_147_483_647),
        direction: oneOf('Inbound', 'Outbound'),
      },
      ['protocol', 'access', 'priority', 'direction'],
    ),
  },
  ['name', 'properties'],
)

export interface RuleGiven {
  name: string
  properties: {
    description?: string
    protocol: string
    sourcePortRange?: string
    sourcePortRanges?: string[]
    destinationPortRange?: string
    destinationPortRanges?: string[]
    sourceAddressPrefix?: string
    sourceAddressPrefixes?: string[]
    destinationAddressPrefix?: string
    destinationAddressPrefixes?: string[]
    access: string
    priority: number
    direction: string
  }
}

export function checkRules(groupId: string, rules: RuleGiven[]): void {
  const seen = new Map<string, string>()
  const names = new Set<string>()
  for (const rule of rules) {
    const id = `${groupId}/securityRules/${rule.name}`
    const { priority, direction, description = '' } = rule.properties
    if (!/^[\dA-Za-z]([\w.-]{0,78}\w)?$/.test(rule.name))
      throw refuse('InvalidResourceName', `Resource name ${rule.name} is invalid.`)
    if (names.has(rule.name.toLowerCase()))
      throw refuse(
        'DuplicateResourceName',
        `Resource ${groupId} has two child resources with the same name (${rule.name}).`,
      )
    names.add(rule.name.toLowerCase())
    if (priority < 100 || priority > 4096) {
      throw refuse(
        'SecurityRuleInvalidPriority',
        `Security rule has invalid priority. Value provided: ${priority} Allowed range 100-4096.`,
      )
    }
    const slot = `${direction} ${priority}`
    const rival = seen.get(slot)
    if (rival !== undefined) {
      throw refuse(
        'SecurityRuleConflict',
        `Security rule ${rival} conflicts with rule ${rule.name}. Rules cannot have the same Priority and Direction.`,
      )
    }
    seen.set(slot, rule.name)
    if (description.length > 140)
      throw refuse('InvalidRequestFormat', `The description of ${id} has more than 140 characters.`)
    checkPorts(id, 'SourcePortRange', rule.properties.sourcePortRange, rule.properties.sourcePortRanges)
    checkPorts(
      id,
      'DestinationPortRange',
      rule.properties.destinationPortRange,
      rule.properties.destinationPortRanges,
    )
    checkAddresses(
      id,
      'SourceAddressPrefix',
      rule.properties.sourceAddressPrefix,
      rule.properties.sourceAddressPrefixes,
    )
    checkAddresses(
      id,
      'DestinationAddressPrefix',
      rule.properties.destinationAddressPrefix,
      rule.properties.destinationAddressPrefixes,
    )
  }
  if (rules.length > 1000)
    throw refuse('MaxSecurityRulesPerNsgExceeded', `${groupId} cannot have more than 1000 security rules.`)
}

function checkPorts(id: string, what: string, one: string | undefined, many: string[] = []): void {
  exactlyOne(id, what, one, many)
  for (const range of [...(one === undefined ? [] : [one]), ...many]) {
    if (range === '*' && many.length === 0) continue
    const [from = NaN, to = from] = range.split('-').map(Number)
    if (/^\d+(-\d+)?$/.test(range) && from <= to && to <= 65_535) continue
    throw refuse(
      'SecurityRuleInvalidPortRange',
      `Security rule has invalid Port range. Value provided: ${range}. Value should be an integer OR integer range with '-' delimiter. Valid range 0-65535.`,
    )
  }
}

function checkAddresses(id: string, what: string, one: string | undefined, many: string[] = []): void {
  exactlyOne(id, what, one, many)
  if (one !== undefined && familyOf(one) === undefined && !/^(\*|[A-Z][A-Za-z.]+)$/.test(one))
    throw badPrefix(id, one)
  for (const prefix of many) {
    if (/^(\*|VirtualNetwork|Internet|AzureLoadBalancer)$/i.test(prefix)) {
      throw refuse(
        'SecurityRuleParameterContainsUnsupportedValue',
        `Security rule parameter ${what} for rule with Id ${id} cannot specify existing VIRTUALNETWORK, INTERNET, AZURELOADBALANCER, '*' or system tags. Unsupported value used: ${prefix}.`,
      )
    }
    if (familyOf(prefix) === undefined) throw badPrefix(id, prefix)
  }
  if (new Set(many.map(familyOf)).size > 1) {
    throw refuse(
      'ResourceCannotContainAddressPrefixesFromDifferentAddressFamilies',
      `Resource ${id} contains IP addresses or prefixes that belong to different address families. All IP addresses or prefixes in the resource should belong to the same address family.`,
    )
  }
}

function exactlyOne(id: string, what: string, one: string | undefined, many: string[]): void {
  if (one !== undefined && many.length > 0)
    throw refuse('SecurityRuleParameterConflict', `${id} gives both ${what} and ${what}s.`)
  if (one === undefined && many.length === 0) {
    throw refuse(
      'SecurityRuleParameterNotSpecified',
      `Required security rule parameters are missing for rule with Id ${id}. Security rule must specify either ${what} or ${what}s.`,
    )
  }
}

const badPrefix = (id: string, prefix: string): Refusal =>
  refuse(
    'SecurityRuleInvalidAddressPrefix',
    `Security rule ${id} has invalid Address prefix. Value provided: ${prefix}`,
  )

const refuse = (code: string, message: string): Refusal => new Refusal(400, code, message)
