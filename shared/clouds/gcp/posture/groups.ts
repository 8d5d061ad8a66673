import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { instancesOf } from '#shared/clouds/gcp/compute/vms.ts'
import { lastPart } from '#shared/clouds/gcp/names.ts'
import { readDescribed } from '#shared/clouds/gcp/networks/described.ts'
import { firewallRules, groupId } from '#shared/clouds/gcp/networks/groups.ts'
import { rulesOf, type Firewall } from '#shared/clouds/gcp/networks/rules.ts'
import type { PostureResource } from '#shared/clouds/port.ts'

/**
 * Firewall rules as security groups: those that aim at a network tag, those that aim at a service account, and, as one more group of each network, those
 * that aim at all its VMs. The last are left out where groups are managed, but a check must see them.
 */
export async function* groupsPosture(gcp: GcpClient, region: string): AsyncGenerator<PostureResource> {
  const groups = new Map<string, Firewall[]>()
  for await (const rule of firewallRules(gcp)) {
    for (const id of groupsOf(rule)) groups.set(id, [...(groups.get(id) ?? []), rule])
  }
  const used = await usedGroups(gcp)
  for (const [id, rules] of groups) {
    const tag = lastPart(id)
    const { name, tags } = readDescribed(rules.find((rule) => rule.name === tag) ?? { name: id })
    yield {
      kind: 'security_group',
      region,
      id,
      name,
      tags,
      rules: rulesOf(rules),
      isDefault: id === everyVmGroup('default'),
      inUse: used.has(id),
    }
  }
}

/** The id of what applies to every VM in a network. */
export const everyVmGroup = (network: string): string => groupId(network, '*')

function groupsOf({ network, targetTags, targetServiceAccounts }: Firewall): string[] {
  const targets = [...(targetTags ?? []), ...(targetServiceAccounts ?? [])]
  const of = lastPart(network)
  return targets.length === 0 ? [everyVmGroup(of)] : targets.map((target) => groupId(of, target))
}

/** Groups that some VM of the project is in: tags are not of a region. */
async function usedGroups(gcp: GcpClient): Promise<Set<string>> {
  const used = new Set<string>()
  for await (const { networkInterfaces, tags, serviceAccounts } of instancesOf(gcp)) {
    const targets = ['*', ...(tags?.items ?? []), ...(serviceAccounts ?? []).map(({ email }) => email ?? '')]
    for (const { network } of networkInterfaces ?? [])
      for (const target of targets) used.add(groupId(lastPart(network), target))
  }
  return used
}
