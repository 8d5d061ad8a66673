import {
  hibernates,
  mostDataDisks,
  page,
  regions,
  sizes,
  locationOf,
  type ArmHandler,
  type Context,
} from '#test/clouds/azure/context.ts'
import { json, Refusal } from '#test/clouds/azure/replies.ts'
import { object, tags, text } from '#test/clouds/azure/schema.ts'

/** The subscription itself: regions, resource groups, and the sizes on offer. */

export const getSubscription: ArmHandler = ({ subscription }) =>
  json(200, {
    id: `/subscriptions/${subscription}`,
    subscriptionId: subscription,
    displayName: 'Loopback',
    state: 'Enabled',
    subscriptionPolicies: {
      locationPlacementId: 'Public_2014-09-01',
      quotaId: 'PayAsYouGo_2014-09-01',
      spendingLimit: 'Off',
    },
  })

export const listLocations: ArmHandler = ({ subscription }) =>
  json(200, {
    value: regions.map(({ name, displayName, zones }) => ({
      id: `/subscriptions/${subscription}/locations/${name}`,
      name,
      type: 'Region',
      displayName,
      regionalDisplayName: displayName,
      metadata: { regionType: 'Physical', regionCategory: 'Recommended' },
      availabilityZoneMappings: zones.map((zone) => ({
        logicalZone: zone,
        physicalZone: `${name}-az${zone}`,
      })),
    })),
  })

const groupBody = object('ResourceGroup', { location: text, tags }, ['location'])

export const putGroup: ArmHandler = (context, request) => {
  groupBody(request.body, '')
  const name = request.path['group'] ?? ''
  if (!/^[\w().-]{1,90}$/.test(name) || name.endsWith('.'))
    throw new Refusal(400, 'InvalidResourceGroup', `The resource group name '${name}' is not valid.`)
  const location = locationOf(request.body)
  const { tags: given = {} } = request.body as { tags?: Record<string, string> }
  const existing = context.estate.groups.get(name.toLowerCase())
  if (existing && existing.location !== location) {
    throw new Refusal(
      409,
      'InvalidResourceGroupLocation',
      `Invalid resource group location '${location}'. The Resource group already exists in location '${existing.location}'.`,
    )
  }
  if (existing) existing.tags = given
  else context.estate.groups.set(name.toLowerCase(), { name, location, tags: given })
  return json(existing ? 200 : 201, showGroup(context, name))
}

export const getGroup: ArmHandler = (context, request) => {
  const name = request.path['group'] ?? ''
  if (!context.estate.groups.has(name.toLowerCase())) {
    throw new Refusal(404, 'ResourceGroupNotFound', `Resource group '${name}' could not be found.`)
  }
  return json(200, showGroup(context, name))
}

function showGroup({ subscription, estate }: Context, name: string) {
  const group = estate.groups.get(name.toLowerCase())
  return {
    id: `/subscriptions/${subscription}/resourceGroups/${group?.name}`,
    ...group,
    type: 'Microsoft.Resources/resourceGroups',
    properties: { provisioningState: 'Succeeded' },
  }
}

export const listSkus: ArmHandler = (context, request) => {
  const filter = request.query.get('$filter')
  const [, wanted] = filter === null ? [] : (/^location eq '(\w+)'$/.exec(filter) ?? ['', ''])
  if (wanted === '')
    throw new Refusal(
      400,
      'InvalidFilterInQueryString',
      `Invalid $filter '${filter}' specified in the query string. Only "location eq '...'" is supported.`,
    )
  const locations = regions.filter(({ name }) => wanted === undefined || name === wanted)
  const path = `/subscriptions/${context.subscription}/providers/Microsoft.Compute/skus`
  const machines = locations.flatMap(({ name: location, zones }) =>
    sizes.map((size) => ({
      resourceType: 'virtualMachines',
      name: size.name,
      tier: 'Standard',
      size: size.name.replace('Standard_', ''),
      family: size.family,
      locations: [location],
      locationInfo: [{ location, zones, zoneDetails: [] }],
      capabilities: capabilitiesOf(size),
      restrictions: [],
    })),
  )
  const disks = locations.map(({ name: location }) => ({
    resourceType: 'disks',
    name: 'StandardSSD_LRS',
    tier: 'Standard',
    locations: [location],
    locationInfo: [],
    capabilities: [],
    restrictions: [],
  }))
  return page(context, request, path, [...disks, ...machines])
}

const capabilitiesOf = ({ name, vcpus, memoryGb, architecture, gpus, generations }: (typeof sizes)[number]) =>
  Object.entries({
    vCPUs: String(vcpus),
    vCPUsAvailable: String(vcpus),
    MemoryGB: String(memoryGb),
    CpuArchitectureType: architecture,
    HyperVGenerations: generations,
    PremiumIO: 'True',
    EncryptionAtHostSupported: 'True',
    MaxDataDiskCount: String(mostDataDisks(vcpus)),
    HibernationSupported: hibernates(name) ? 'True' : 'False',
    ...(gpus > 0 ? { GPUs: String(gpus) } : {}),
  }).map(([capability, value]) => ({ name: capability, value }))
