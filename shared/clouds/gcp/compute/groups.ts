import { CloudError } from '#shared/clouds/errors.ts'
import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { lastPart, parseLink } from '#shared/clouds/gcp/names.ts'
import { readDescribed } from '#shared/clouds/gcp/networks/described.ts'
import { firewallRules } from '#shared/clouds/gcp/networks/groups.ts'
import type { CreateVm } from '#shared/clouds/port.ts'

/**
 * The network tags that put a VM into its security groups, which are given as `network/tag`, by tag, or by the name that they were created with. A tag
 * of no rule would be taken by Google in silence, and guard nothing: so each must be the target of a firewall rule of the VM's network. Makes no call
 * where no group is given.
 * @throws CloudError `not_found` naming the group.
 */
export async function groupTags(
  gcp: GcpClient,
  { securityGroups = [], ...where }: Pick<CreateVm, 'region' | 'subnet' | 'securityGroups'>,
): Promise<string[]> {
  if (securityGroups.length === 0) return []
  const network = await networkOf(gcp, where)
  // A network that another project shares has its rules there, where this one's account need not be allowed to look.
  if (network.project !== gcp.project) return securityGroups.map(lastPart)
  const tagsByName = await namesOfTags(gcp, network.name)
  return securityGroups.map((given, index) => {
    const [name, of = network.name] = given.split('/').toReversed()
    const tag = of === network.name ? tagsByName.get(name ?? '') : undefined
    if (tag !== undefined) return tag
    throw missing(given, index, network.name)
  })
}

/** Where a VM's interface is: in the subnet that the request names, else in the registration's, else in its network. */
export function interfaceOf(
  { settings: { options } }: Pick<GcpClient, 'settings'>,
  { region, subnet: wanted }: Pick<CreateVm, 'region' | 'subnet'>,
): { subnetwork: string } | { network: string } {
  const subnet = wanted ?? options.subnet
  if (subnet !== undefined)
    return { subnetwork: subnet.includes('/') ? subnet : `regions/${region}/subnetworks/${subnet}` }
  const network = options.network ?? 'default'
  return { network: network.includes('/') ? network : `global/networks/${network}` }
}

async function networkOf(
  gcp: GcpClient,
  where: Pick<CreateVm, 'region' | 'subnet'>,
): Promise<{ project: string; name: string }> {
  const place = interfaceOf(gcp, where)
  const network = 'network' in place ? place.network : await networkOfSubnet(gcp, place.subnetwork)
  const { project = gcp.project, name } = parseLink(network, 'networks')
  return { project, name }
}

async function networkOfSubnet(gcp: GcpClient, id: string): Promise<string> {
  const { project = gcp.project, place: region, name: subnetwork } = parseLink(id, 'subnetworks')
  const [subnet] = await gcp.compute('Subnetworks', 'compute.subnetworks.get', (client, once) =>
    client.get({ project, region, subnetwork }, once),
  )
  return subnet.network ?? ''
}

/** The tags that rules of a network aim at, by themselves and by the names of the groups that we made of them. */
async function namesOfTags(gcp: GcpClient, network: string): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>()
  const tags = new Map<string, string>()
  for await (const rule of firewallRules(gcp)) {
    if (lastPart(rule.network) !== network) continue
    for (const tag of rule.targetTags ?? []) {
      tags.set(tag, tag)
      if (rule.name === tag) names.set(readDescribed(rule).name, tag)
    }
  }
  return new Map([...names, ...tags])
}

const missing = (group: string, index: number, network: string): CloudError =>
  new CloudError(
    `security_groups[${index}]: the network ${network} has no security group "${group}": none of its firewall rules aims at that tag.`,
    {
      cloud: 'gcp',
      operation: 'compute.firewalls.list',
      code: 'not_found',
      remedy:
        'Create it in that network first, or name one that is there, as network/tag, by tag or by name.',
      details: { field: 'security_groups' },
    },
  )
