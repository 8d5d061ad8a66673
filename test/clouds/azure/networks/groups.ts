import {
  accepted,
  fixed,
  groupOf,
  idOf,
  listOf,
  locationOf,
  notFound,
  type ArmHandler,
  type Context,
} from '#test/clouds/azure/context.ts'
import { provisioningState, type SecurityGroup, type Tags } from '#test/clouds/azure/estate.ts'
import { checkEtag, newEtag } from '#test/clouds/azure/networks/etag.ts'
import { checkRules, ruleBody, type RuleGiven } from '#test/clouds/azure/networks/rules.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import { flag, list, object, tags, text } from '#test/clouds/azure/schema.ts'

const provider = 'Microsoft.Network'
export const groupType = 'Microsoft.Network/networkSecurityGroups'

const groupBody = object(
  'NetworkSecurityGroup',
  {
    location: text,
    tags,
    properties: object('NetworkSecurityGroupPropertiesFormat', {
      flushConnection: flag,
      securityRules: list(ruleBody),
    }),
  },
  ['location'],
)

export const putGroup: ArmHandler = (context, request) => {
  const id = idOf(context, request, groupType)
  groupBody(request.body, '')
  const location = locationOf(request.body)
  const body = request.body as { tags?: Tags; properties?: { securityRules?: RuleGiven[] } }
  const existing = context.estate.get('nsg', id)
  checkEtag(request, existing)
  if (existing && existing.location !== location) throw fixed('location')
  const rules = body.properties?.securityRules ?? []
  checkRules(id, rules)
  if (existing) {
    Object.assign(existing, { rules, tags: body.tags ?? {}, etag: newEtag() })
    return json(200, showGroup(context, existing))
  }
  const group: SecurityGroup = {
    kind: 'nsg',
    id,
    name: request.path['name'] ?? '',
    group: groupOf(context, request),
    location,
    tags: body.tags ?? {},
    createdAt: new Date(),
    rules,
    etag: newEtag(),
    life: context.estate.begin(context.delays.network, context.delays.network, () => context.estate.drop(id)),
  }
  context.estate.add(group)
  return accepted(context, request, {
    provider,
    region: location,
    status: 201,
    body: showGroup(context, group),
    afterMs: context.delays.network,
  })
}

export const getGroup: ArmHandler = (context, request) => {
  const group = context.estate.get('nsg', idOf(context, request, groupType))
  if (!group) throw notFound(request, groupType)
  return json(200, showGroup(context, group))
}

export const listGroups: ArmHandler = (context, request) =>
  listOf(context, request, groupType, (group) =>
    context.estate.list('nsg', group).map((each) => showGroup(context, each)),
  )

export const deleteGroup: ArmHandler = (context, request) => {
  const group = context.estate.get('nsg', idOf(context, request, groupType))
  if (!group) return { status: 204 }
  const [user] = usersOf(context, group)
  if (user !== undefined) {
    throw new Refusal(
      400,
      'InUseNetworkSecurityGroupCannotBeDeleted',
      `Network security group ${group.id} cannot be deleted because it is in use by the following resources: ${user}. In order to delete the Network security group, remove the association with the resource(s). To learn how to do this, see aka.ms/deletensg.`,
    )
  }
  if (group.life.state() !== 'deleting') group.life.enter('deleting')
  return accepted(context, request, {
    provider,
    region: group.location,
    status: 202,
    afterMs: context.delays.network,
  })
}

/** Ids of interfaces and subnets that a group guards. */
function usersOf({ estate }: Context, group: SecurityGroup): string[] {
  const is = (id: string | undefined) => id?.toLowerCase() === group.id.toLowerCase()
  return [
    ...estate
      .list('nic')
      .filter(({ groupId }) => is(groupId))
      .map(({ id }) => id),
    ...estate
      .list('network')
      .flatMap(({ id, subnets }) =>
        subnets.filter(({ groupId }) => is(groupId)).map(({ name }) => `${id}/subnets/${name}`),
      ),
  ]
}

const showGroup = (context: Context, group: SecurityGroup) => ({
  id: group.id,
  name: group.name,
  type: groupType,
  location: group.location,
  tags: group.tags,
  etag: group.etag,
  properties: {
    provisioningState: provisioningState(group.life.state()).replace('Creating', 'Updating'),
    securityRules: group.rules.map(({ name, properties }) => ({
      id: `${group.id}/securityRules/${name}`,
      name,
      etag: group.etag,
      type: `${groupType}/securityRules`,
      properties: {
        provisioningState: 'Succeeded',
        sourceAddressPrefixes: [],
        destinationAddressPrefixes: [],
        ...properties,
      },
    })),
    defaultSecurityRules: [
      ['AllowVnetInBound', 65_000, 'Allow', 'Inbound', 'VirtualNetwork', 'VirtualNetwork'],
      ['AllowAzureLoadBalancerInBound', 65_001, 'Allow', 'Inbound', 'AzureLoadBalancer', '*'],
      ['DenyAllInBound', 65_500, 'Deny', 'Inbound', '*', '*'],
      ['AllowVnetOutBound', 65_000, 'Allow', 'Outbound', 'VirtualNetwork', 'VirtualNetwork'],
      ['AllowInternetOutBound', 65_001, 'Allow', 'Outbound', '*', 'Internet'],
      ['DenyAllOutBound', 65_500, 'Deny', 'Outbound', '*', '*'],
    ].map(([name, priority, access, direction, sourceAddressPrefix, destinationAddressPrefix]) => ({
      id: `${group.id}/defaultSecurityRules/${name}`,
      name,
      properties: {
        provisioningState: 'Succeeded',
        protocol: '*',
        sourcePortRange: '*',
        destinationPortRange: '*',
        sourceAddressPrefix,
        destinationAddressPrefix,
        access,
        priority,
        direction,
      },
    })),
    networkInterfaces: usersOf(context, group)
      .filter((id) => !id.includes('/subnets/'))
      .map((id) => ({ id })),
  },
})
