import type { CloudRef, CloudSecurityGroup, NetworksFacet, SecurityRule } from '#shared/clouds/port.ts'
import type { GcpClient } from '#shared/clouds/gcp/client.ts'
import { instancesOf } from '#shared/clouds/gcp/compute/vms.ts'
import { describeThing, readDescribed } from '#shared/clouds/gcp/networks/described.ts'
import { deleteThing, insertThing } from '#shared/clouds/gcp/networks/made.ts'
import { firewallsOf, rulesOf, type Firewall } from '#shared/clouds/gcp/networks/rules.ts'
import { networkId } from '#shared/clouds/gcp/networks/vpcs.ts'
import { lastPart, nameFor, parseLink } from '#shared/clouds/gcp/names.ts'
import { pages } from '#shared/clouds/gcp/paging.ts'
import { CloudError } from '#shared/clouds/errors.ts'

/**
 * Security groups of Google Cloud: a network tag, which VMs carry, and the firewall rules of a network that aim at it. The id is `network/tag`. Rules
 * that aim at all VMs of a network, or at service accounts, belong to no group.
 */
export function createSecurityGroups(gcp: GcpClient): NetworksFacet['securityGroups'] {
  return {
    async *list({ region }) {
      const groups = new Map<string, Firewall[]>()
      for await (const rule of firewallRules(gcp)) {
        for (const tag of rule.targetTags ?? []) {
          const id = groupId(lastPart(rule.network), tag)
          groups.set(id, [...(groups.get(id) ?? []), rule])
        }
      }
      for (const [id, rules] of groups) yield toGroup(region, id, rules)
    },

    async get(ref) {
      const { id, rules } = await groupOf(gcp, ref)
      return rules.length === 0 ? undefined : toGroup(ref.region, id, rules)
    },

    async create({ token, tags, region, network, name, description, rules }) {
      const tag = nameFor(token)
      const of = network
        ? parseLink(network.id, 'networks').name
        : (gcp.settings.options.network ?? 'default')
      const described = describeThing(name, tags, { text: description })
      const group = { tag, network: networkId(lastPart(of)), description: described }
      for (const rule of firewallsOf(group, rules)) await insertRule(gcp, rule)
      return { region, id: groupId(lastPart(of), tag) }
    },

    async setRules(ref, wanted) {
      const { tag, network, rules } = await groupOf(gcp, ref)
      if (rules.length === 0) throw missing(ref)
      const description = rules.find(({ name }) => name === tag)?.description ?? describeThing(tag, noOwner)
      const firewalls = firewallsOf({ tag, network: networkId(network), description }, wanted)
      const there = new Set(rules.map(({ name }) => name))
      // What refuses the rest of the calls to the outside comes after what permits some of them.
      for (const rule of firewalls) if (!there.has(rule.name)) await insertRule(gcp, rule)
      const kept = new Set(firewalls.map(({ name }) => name))
      for (const { name, targetTags } of rules)
        if (!kept.has(name) && (targetTags ?? []).length === 1) await deleteRule(gcp, name ?? '')
    },

    async delete(ref) {
      const { tag, network, rules } = await groupOf(gcp, ref)
      if (rules.length === 0) return
      for await (const { name, tags, networkInterfaces, zone } of instancesOf(gcp)) {
        if (!tags?.items?.includes(tag) || lastPart(networkInterfaces?.[0]?.network) !== network) continue
        throw inUse(ref, `zones/${lastPart(zone)}/instances/${name}`)
      }
      // The one that keeps the description goes last: until then a clean-up that was cut off finds the group again.
      for (const { name } of rules.toSorted((a, b) => Number(a.name === tag) - Number(b.name === tag)))
        await deleteRule(gcp, name ?? '')
    },
  }
}

/** Groups with the tags of who made them. Of one whose anchor is gone, or not there yet, any rule tells. */
export async function* ownedGroups(
  gcp: GcpClient,
): AsyncGenerator<{ id: string; name: string; tags: Record<string, string> }> {
  const groups = new Map<string, { name: string; tags: Record<string, string> }>()
  for await (const rule of firewallRules(gcp)) {
    const [tag, ...more] = rule.targetTags ?? []
    const { name, tags } = readDescribed(rule)
    if (tag === undefined || more.length > 0 || Object.keys(tags).length === 0) continue
    const id = groupId(lastPart(rule.network), tag)
    if (rule.name === tag) groups.set(id, { name, tags })
    else if (!groups.has(id)) groups.set(id, { name: tag, tags })
  }
  for (const [id, group] of groups) yield { id, ...group }
}

/** All firewall rules of the project. */
export const firewallRules = (gcp: GcpClient): AsyncGenerator<Firewall> =>
  pages(gcp, 'Firewalls', 'compute.firewalls.list', (client, once) =>
    client.listAsync({ project: gcp.project }, once),
  )

export const groupId = (network: string, tag: string): string => `${network}/${tag}`

const noOwner = { 'novacron-tenant': '', 'novacron-job': '', 'novacron-step': '' }

/** A group by `network/tag`, or by its tag alone where it is of one network only. */
async function groupOf(gcp: GcpClient, { id }: CloudRef) {
  const tag = lastPart(id)
  const given = id.includes('/') ? id.split('/').at(-2) : undefined
  const rules: Firewall[] = []
  for await (const rule of firewallRules(gcp))
    if (rule.targetTags?.includes(tag) && (given ?? lastPart(rule.network)) === lastPart(rule.network))
      rules.push(rule)
  const network = given ?? lastPart(rules[0]?.network)
  return {
    tag,
    network,
    id: groupId(network, tag),
    rules: rules.filter((rule) => lastPart(rule.network) === network),
  }
}

function toGroup(region: string, id: string, rules: readonly Firewall[]): CloudSecurityGroup {
  const tag = lastPart(id)
  const { name, tags, kept } = readDescribed(rules.find((rule) => rule.name === tag) ?? { name: tag })
  return {
    region,
    id,
    name,
    description: typeof kept['text'] === 'string' ? kept['text'] : '',
    network: networkId(lastPart(rules[0]?.network)),
    rules: rulesOf(rules) satisfies SecurityRule[],
    tags,
  }
}

async function insertRule(gcp: GcpClient, firewallResource: Firewall): Promise<void> {
  const { project } = gcp
  const token = `${firewallResource.name} ${Date.now()}`
  await insertThing(gcp, 'Firewalls', 'compute.firewalls.insert', token, (client, requestId, once) =>
    client.insert({ project, requestId, firewallResource }, once),
  )
}

const deleteRule = ({ project, ...gcp }: GcpClient, firewall: string): Promise<void> =>
  deleteThing({ project, ...gcp }, 'Firewalls', 'compute.firewalls.delete', (client, once) =>
    client.delete({ project, firewall }, once),
  )

const inUse = ({ id }: CloudRef, vm: string): CloudError =>
  new CloudError(`The security group ${id} is in use by the VM ${vm}.`, {
    cloud: 'gcp',
    operation: 'compute.firewalls.delete',
    code: 'conflict',
    kind: 'retryable',
    remedy: 'Delete the VM, or take the tag from it, first.',
  })

const missing = ({ id }: CloudRef): CloudError =>
  new CloudError(`Google Cloud has no security group ${id}: no firewall rule aims at that tag.`, {
    cloud: 'gcp',
    operation: 'compute.firewalls.list',
    code: 'not_found',
  })
