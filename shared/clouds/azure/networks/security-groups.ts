import { isDeepStrictEqual } from 'node:util'
import type { NetworkSecurityGroup, SecurityRule as AzureRule } from '@azure/arm-network'
import type { AzureClient } from '#shared/clouds/azure/client.ts'
import { goneIsFine } from '#shared/clouds/azure/gone.ts'
import { withGroup } from '#shared/clouds/azure/group.ts'
import { armId, canonicalId, nameFor, type ArmId } from '#shared/clouds/azure/names.ts'
import { groupType, targetOf } from '#shared/clouds/azure/networks/ids.ts'
import { fromAzureRules, toAzureRules, unionOf } from '#shared/clouds/azure/networks/rules.ts'
import { shownName, withName } from '#shared/clouds/azure/tags.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import type { CloudSecurityGroup, NetworksFacet, SecurityRule } from '#shared/clouds/port.ts'

/** Network security groups. They stand alone: an interface or a subnet of any network in the region may use one. */
export function createSecurityGroups(client: AzureClient): NetworksFacet['securityGroups'] {
  const { network } = client
  const find = ({ group, name }: ArmId): Promise<NetworkSecurityGroup | undefined> =>
    client.find('NetworkSecurityGroups_Get', () => network.networkSecurityGroups.get(group, name))
  const put = ({ group, name }: ArmId, body: NetworkSecurityGroup, etag?: string) =>
    client.finish('NetworkSecurityGroups_CreateOrUpdate', (pace) =>
      network.networkSecurityGroups.createOrUpdate(group, name, body, {
        ...pace,
        // Somebody who changed the rules since they were read is not overwritten.
        ...(etag === undefined ? {} : { requestOptions: { headers: { 'if-match': etag } } }),
      }),
    )

  return {
    async *list({ region }) {
      for await (const found of client.pages('NetworkSecurityGroups_ListAll', () =>
        network.networkSecurityGroups.listAll(),
      )) {
        if (found.location === region) yield toGroup(found)
      }
    },

    async get(ref) {
      const found = await find(targetOf(client, groupType, ref.id))
      return found && toGroup(found)
    },

    async create({ token, tags, region, name, description, rules }) {
      const target = targetOf(client, groupType, nameFor(token))
      checkRules(rules)
      const made = await find(target)
      if (made?.provisioningState !== 'Succeeded') {
        await withGroup(client, region, () =>
          put(target, {
            location: region,
            tags: { ...withName(tags, name), [descriptionTag]: description.slice(0, mostTagCharacters) },
            securityRules: toAzureRules(rules),
          }),
        )
      }
      return { region, id: armId(target) }
    },

    async setRules(ref, rules) {
      const target = targetOf(client, groupType, ref.id)
      checkRules(rules)
      const found = await find(target)
      if (!found) throw missing(target.name)
      const before = found.securityRules ?? []
      const wanted = toAzureRules(rules, before)
      if (sameRules(wanted, before)) return
      const both = unionOf(wanted, before)
      const first = sameRules(both, before) ? found : await put(target, bodyOf(found, both), found.etag)
      if (!sameRules(wanted, both)) await put(target, bodyOf(first, wanted), first.etag)
    },

    async delete(ref) {
      const { group, name } = targetOf(client, groupType, ref.id)
      await goneIsFine(
        client.finish('NetworkSecurityGroups_Delete', (pace) =>
          network.networkSecurityGroups.delete(group, name, pace),
        ),
      )
    },
  }
}

/** Azure's groups have no description; a tag holds it. */
const descriptionTag = 'novacron-description'
const mostTagCharacters = 256
const mostDescription = 140

/** What a PUT must repeat lest it be taken away. */
const bodyOf = (group: NetworkSecurityGroup, securityRules: AzureRule[]): NetworkSecurityGroup => ({
  location: group.location ?? '',
  ...(group.tags === undefined ? {} : { tags: group.tags }),
  ...(group.flushConnection === undefined ? {} : { flushConnection: group.flushConnection }),
  securityRules,
})

function toGroup(group: NetworkSecurityGroup): CloudSecurityGroup {
  const { [descriptionTag]: description = '', ...tags } = group.tags ?? {}
  return {
    region: group.location ?? '',
    id: canonicalId(group.id ?? ''),
    name: shownName(group),
    description,
    rules: fromAzureRules(group),
    tags,
  }
}

function sameRules(a: AzureRule[], b: AzureRule[]): boolean {
  const byName = (rules: AzureRule[]) =>
    new Map(rules.map(({ name, priority, access }) => [name, { priority, access }]))
  return isDeepStrictEqual(byName(a), byName(b))
}

function checkRules(rules: SecurityRule[]): void {
  for (const [index, { cidrs, description = '' }] of rules.entries()) {
    if (cidrs.length === 0)
      throw invalid(`rules[${index}].cidrs`, 'is empty', 'Name the ranges; 0.0.0.0/0 is everybody.')
    if (description.length > mostDescription)
      throw invalid(
        `rules[${index}].description`,
        `has ${description.length} characters`,
        `Azure takes ${mostDescription}.`,
      )
  }
}

const invalid = (field: string, reason: string, remedy: string): CloudError =>
  new CloudError(`${field} ${reason}.`, {
    cloud: 'azure',
    operation: 'NetworkSecurityGroups_CreateOrUpdate',
    code: 'invalid_request',
    kind: 'permanent',
    remedy,
    details: { field },
  })

const missing = (name: string): CloudError =>
  new CloudError(`Azure has no network security group "${name}".`, {
    cloud: 'azure',
    operation: 'NetworkSecurityGroups_Get',
    code: 'not_found',
    kind: 'permanent',
    remedy: 'List the security groups of the provider, and name one of them.',
  })
