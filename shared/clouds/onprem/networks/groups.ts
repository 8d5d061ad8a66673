import type { CloudRef, CloudSecurityGroup, NetworksFacet, SecurityRule } from '#shared/clouds/port.ts'
import type { Site } from '#shared/clouds/onprem/hosts.ts'
import { idFor } from '#shared/clouds/onprem/ids.ts'
import { assertEnforceable, boundVms, enforce } from '#shared/clouds/onprem/networks/enforce.ts'
import type { SecurityGroupRecord } from '#shared/clouds/onprem/records.ts'
import { notFound, refusal } from '#shared/clouds/onprem/refusals.ts'

/**
 * Security groups: records of the location, enforced where its VMs are. On bridges and NAT networks a filter of the host admits what they permit;
 * on user-mode networks nothing comes in but by an address, which leads only what they permit to everybody.
 */
export const createSecurityGroups = (site: Site): NetworksFacet['securityGroups'] => ({
  async *list({ region }) {
    for (const { id, body } of await site.homeOf(region).records.list('security_group'))
      yield toGroup(region, id, body)
  },
  async get({ region, id }) {
    const body = await site.homeOf(region).records.get('security_group', id)
    return body && toGroup(region, id, body)
  },
  async create({ region, token, network, name, description, rules, tags }) {
    const id = idFor('sg', token)
    await site.homeOf(region).records.insert('security_group', id, {
      name,
      tags,
      createdAt: new Date().toISOString(),
      description,
      rules,
      ...(network === undefined ? {} : { network: network.id }),
    })
    return { region, id }
  },
  setRules: (ref, rules) => setRules(site, ref, rules),
  delete: (ref) => deleteGroup(site, ref),
})

/**
 * The ids of groups that are given by id or by name.
 * @throws CloudError `not_found` for one that the location does not have.
 */
export async function groupIds(site: Site, region: string, given: readonly string[]): Promise<string[]> {
  if (given.length === 0) return []
  const known = await site.homeOf(region).records.list('security_group')
  return given.map((each) => {
    const found = known.find(({ id }) => id === each) ?? known.find(({ body }) => body.name === each)
    if (found) return found.id
    throw refusal('compute.create', `security_groups: ${region} has no security group "${each}".`, {
      code: 'not_found',
      remedy: 'Create it first, or name one that the location has.',
      details: { field: 'security_groups' },
    })
  })
}

async function setRules(site: Site, ref: CloudRef, rules: SecurityRule[]): Promise<void> {
  const operation = 'networks.securityGroups.setRules'
  const { records } = site.homeOf(ref.region)
  const group = await records.get('security_group', ref.id)
  if (group === undefined) throw notFound(operation, 'security group', ref)
  const bound = await boundVms(site, ref)
  await assertEnforceable(site, operation, { ref, rules, bound })
  // The record first: whoever starts a VM meanwhile takes the new rules, and a retry carries them to the hosts that this did not get to. Nothing
  // else of a group ever changes, so there is nothing to lose by writing all of it.
  await records.put('security_group', ref.id, { ...group, rules })
  await enforce(site, operation, { ref, rules, bound })
}

async function deleteGroup(site: Site, ref: CloudRef): Promise<void> {
  const { records } = site.homeOf(ref.region)
  if ((await records.get('security_group', ref.id)) === undefined) return
  const [user] = await boundVms(site, ref)
  if (user)
    throw refusal(
      'networks.securityGroups.delete',
      `The security group ${ref.id} is used by the VM ${user.id}.`,
      {
        code: 'conflict',
        kind: 'retryable',
        remedy: 'Delete the VMs in it first.',
      },
    )
  for (const host of site.inRegion(ref.region)) await host.networks.removeFilter(ref.id)
  await records.remove('security_group', ref.id)
}

const toGroup = (region: string, id: string, body: SecurityGroupRecord): CloudSecurityGroup => ({
  region,
  id,
  name: body.name,
  description: body.description,
  ...(body.network === undefined ? {} : { network: body.network }),
  rules: body.rules,
  tags: body.tags,
})
