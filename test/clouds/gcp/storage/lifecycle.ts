import { Refusal } from '#test/clouds/gcp/refusal.ts'

/** `lifecycle` of a bucket: the actions and conditions that NovaCron has use for; others are refused as unknown. */
export interface LifecycleBody {
  rule: {
    action: { type: 'Delete' | 'SetStorageClass' | 'AbortIncompleteMultipartUpload'; storageClass?: string }
    condition: { age?: number; matchesPrefix?: string[]; isLive?: boolean; numNewerVersions?: number }
  }[]
}

/** Checks what was sent as `lifecycle`. An empty object or null takes the rules away. */
export function readLifecycle(sent: unknown): LifecycleBody | undefined {
  if (sent === null || sent === undefined) return undefined
  const body = record(sent, 'lifecycle', ['rule'])
  if (body['rule'] === undefined) return undefined
  if (!Array.isArray(body['rule'])) throw wrong('lifecycle.rule', 'a list')
  if (body['rule'].length > 100)
    throw new Refusal(400, 'invalid', 'A bucket can have at most 100 lifecycle rules.')
  const rules = body['rule'].map((rule: unknown) => readRule(rule))
  return rules.length === 0 ? undefined : { rule: rules }
}

function readRule(sent: unknown): LifecycleBody['rule'][number] {
  const rule = record(sent, 'lifecycle.rule', ['action', 'condition'])
  const action = record(rule['action'], 'lifecycle.rule.action', ['type', 'storageClass'])
  const condition = record(rule['condition'], 'lifecycle.rule.condition', [
    'age',
    'matchesPrefix',
    'isLive',
    'numNewerVersions',
  ])
  const { type, storageClass } = action
  if (type !== 'Delete' && type !== 'SetStorageClass' && type !== 'AbortIncompleteMultipartUpload')
    throw wrong('lifecycle.rule.action.type', 'Delete, SetStorageClass or AbortIncompleteMultipartUpload')
  if ((type === 'SetStorageClass') !== (typeof storageClass === 'string' && storageClasses.has(storageClass)))
    throw wrong('lifecycle.rule.action.storageClass', 'a storage class, with SetStorageClass alone')
  if (Object.keys(condition).length === 0)
    throw new Refusal(400, 'invalid', 'A lifecycle management rule must contain at least one condition.')
  const { age, matchesPrefix, isLive, numNewerVersions } = condition
  return {
    action: { type, ...(typeof storageClass === 'string' ? { storageClass } : {}) },
    condition: {
      ...(age === undefined ? {} : { age: whole(age, 'age') }),
      ...(matchesPrefix === undefined ? {} : { matchesPrefix: texts(matchesPrefix, 'matchesPrefix') }),
      ...(isLive === undefined ? {} : { isLive: isLive === true }),
      ...(numNewerVersions === undefined
        ? {}
        : { numNewerVersions: whole(numNewerVersions, 'numNewerVersions') }),
    },
  }
}

export const storageClasses: ReadonlySet<string> = new Set(['STANDARD', 'NEARLINE', 'COLDLINE', 'ARCHIVE'])

/** An object with no other fields than these. */
export function record(sent: unknown, name: string, fields: readonly string[]): Record<string, unknown> {
  if (typeof sent !== 'object' || sent === null || Array.isArray(sent)) throw wrong(name, 'an object')
  for (const field of Object.keys(sent)) {
    if (!fields.includes(field))
      throw new Refusal(
        400,
        'invalid',
        `Invalid JSON payload received. Unknown name "${field}" at '${name}': Cannot find field.`,
      )
  }
  return sent as Record<string, unknown>
}

export const wrong = (field: string, wanted: string): Refusal =>
  new Refusal(400, 'invalid', `Invalid value for field '${field}': expected ${wanted}.`)

function whole(value: unknown, field: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value
  throw wrong(`lifecycle.rule.condition.${field}`, 'a whole number of 0 or more')
}

function texts(value: unknown, field: string): string[] {
  if (Array.isArray(value) && value.every((one): one is string => typeof one === 'string')) return value
  throw wrong(`lifecycle.rule.condition.${field}`, 'a list of strings')
}
