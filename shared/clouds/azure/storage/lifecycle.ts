import type { ManagementPolicyRule } from '@azure/arm-storage'
import { CloudError } from '#shared/clouds/errors.ts'
import type { LifecycleRule } from '#shared/clouds/port.ts'

/**
 * Our rules as those of a management policy. They act on block blobs alone: Azure neither tiers nor expires page blobs (VHDs).
 * @throws CloudError `invalid_request` for what Azure has no rule for.
 */
export const toPolicyRules = (container: string, rules: readonly LifecycleRule[]): ManagementPolicyRule[] =>
  rules.map((rule, index) => {
    const { id, prefix, coolAfterDays, archiveAfterDays, expireAfterDays } = rule
    if (!/^[\w-]{1,256}$/.test(id))
      throw refused(index, 'id', `"${id}" is not a name that Azure takes`, 'Use letters, digits and hyphens.')
    if (coolAfterDays === undefined && archiveAfterDays === undefined && expireAfterDays === undefined)
      throw refused(
        index,
        'id',
        `"${id}" does nothing`,
        'Name after how many days it cools, archives or expires.',
      )
    return {
      name: id,
      enabled: true,
      type: 'Lifecycle',
      definition: {
        filters: { blobTypes: ['blockBlob'], prefixMatch: [`${container}/${prefix}`] },
        actions: {
          baseBlob: {
            ...(coolAfterDays === undefined ? {} : { tierToCool: after(coolAfterDays) }),
            ...(archiveAfterDays === undefined ? {} : { tierToArchive: after(archiveAfterDays) }),
            ...(expireAfterDays === undefined ? {} : { delete: after(expireAfterDays) }),
          },
        },
      },
    }
  })

/** The rules of a policy that act on one container, in our terms. A rule of several prefixes becomes several. */
export function fromPolicyRules(
  container: string,
  rules: readonly ManagementPolicyRule[] = [],
): LifecycleRule[] {
  return rules.flatMap((rule) => {
    const { baseBlob } = rule.definition.actions
    if (rule.enabled === false || !baseBlob) return []
    const cool = daysOf(baseBlob.tierToCool)
    const archive = daysOf(baseBlob.tierToArchive)
    const expire = daysOf(baseBlob.delete)
    return prefixesIn(container, rule).map((prefix) => ({
      id: rule.name,
      prefix,
      ...(cool === undefined ? {} : { coolAfterDays: cool }),
      ...(archive === undefined ? {} : { archiveAfterDays: archive }),
      ...(expire === undefined ? {} : { expireAfterDays: expire }),
    }))
  })
}

/** Does the rule act on this container and on no other? */
export const isOfContainer = (container: string, { definition }: ManagementPolicyRule): boolean => {
  const prefixes = definition.filters?.prefixMatch ?? []
  return prefixes.length > 0 && prefixes.every((prefix) => prefix.split('/')[0] === container)
}

function prefixesIn(container: string, { definition }: ManagementPolicyRule): string[] {
  const prefixes = definition.filters?.prefixMatch ?? []
  if (prefixes.length === 0) return ['']
  return prefixes.flatMap((prefix) => {
    const [first = '', ...rest] = prefix.split('/')
    // Without a slash it is the beginning of containers' names.
    if (rest.length === 0) return container.startsWith(first) ? [''] : []
    return first === container ? [rest.join('/')] : []
  })
}

const after = (days: number) => ({ daysAfterCreationGreaterThan: days })

const daysOf = (when: { [age: string]: number | undefined } | object | undefined): number | undefined => {
  const ages = (when ?? {}) as Record<string, number | undefined>
  return ages['daysAfterCreationGreaterThan'] ?? ages['daysAfterModificationGreaterThan']
}

const refused = (index: number, field: string, reason: string, remedy: string): CloudError =>
  new CloudError(`lifecycle[${index}].${field} ${reason}.`, {
    cloud: 'azure',
    operation: 'ManagementPolicies_CreateOrUpdate',
    code: 'invalid_request',
    remedy,
    details: { field: `lifecycle[${index}].${field}` },
  })
