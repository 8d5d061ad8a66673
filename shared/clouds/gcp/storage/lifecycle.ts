import type { BucketMetadata } from '@google-cloud/storage'
import type { LifecycleRule } from '#shared/clouds/port.ts'
import { labelsOf, tagsOf } from '#shared/clouds/gcp/storage/labels.ts'

type Rules = NonNullable<NonNullable<BucketMetadata['lifecycle']>['rule']>

/**
 * Our rules as Google's, which have one action each and no id: the ids go into labels, in the order of the rules' prefixes.
 * https://cloud.google.com/storage/docs/lifecycle
 */
export function lifecycleOf(rules: readonly LifecycleRule[]): { rule: Rules } {
  return {
    rule: rules.flatMap(({ prefix, coolAfterDays, archiveAfterDays, expireAfterDays }) => {
      const under = prefix === '' ? {} : { matchesPrefix: [prefix] }
      const toClass = (storageClass: string, age: number | undefined): Rules =>
        age === undefined
          ? []
          : [{ action: { type: 'SetStorageClass', storageClass }, condition: { age, ...under } }]
      return [
        ...toClass('NEARLINE', coolAfterDays),
        ...toClass('ARCHIVE', archiveAfterDays),
        ...(expireAfterDays === undefined
          ? []
          : [{ action: { type: 'Delete' as const }, condition: { age: expireAfterDays, ...under } }]),
      ]
    }),
  }
}

/** The labels that keep the ids of rules: `novacron-rule-0`, … */
export const ruleLabels = (rules: readonly LifecycleRule[]): Record<string, string> =>
  labelsOf(Object.fromEntries(rules.map(({ id }, index) => [`${ruleLabel}${index}`, id])))

export const isRuleLabel = (label: string): boolean => label.startsWith(ruleLabel)

/** Google's rules as ours: those of a prefix are one. What ours cannot say (other conditions, other actions) is left out. */
export function rulesOf({ lifecycle, labels }: BucketMetadata): LifecycleRule[] {
  const ids = tagsOf(labels)
  const byPrefix = new Map<string, LifecycleRule>()
  for (const { action, condition } of lifecycle?.rule ?? []) {
    const prefixes = condition.matchesPrefix ?? ['']
    const day = dayOf(action)
    if (condition.age === undefined || day === undefined) continue
    for (const prefix of prefixes) {
      const index = byPrefix.size
      const rule = byPrefix.get(prefix) ?? { id: ids[`${ruleLabel}${index}`] ?? `rule-${index}`, prefix }
      byPrefix.set(prefix, { ...rule, [day]: condition.age })
    }
  }
  return [...byPrefix.values()]
}

const ruleLabel = 'novacron-rule-'

function dayOf({ type, storageClass = '' }: Rules[number]['action']): keyof LifecycleRule | undefined {
  if (type === 'Delete') return 'expireAfterDays'
  if (storageClass === 'NEARLINE' || storageClass === 'COLDLINE') return 'coolAfterDays'
  return storageClass === 'ARCHIVE' ? 'archiveAfterDays' : undefined
}
