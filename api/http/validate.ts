import type { z } from '@hono/zod-openapi'
import { invalid, type FieldError } from '#api/http/problem.ts'
import { shorten } from '#api/http/text.ts'

/**
 * Checks `value` against a schema.
 * @param part prefix of the field names in errors: '' for the body, `query`, `path`.
 * @throws ApiError `validation_failed` naming every field that is wrong. Values are never repeated: they may be secret.
 */
export function validate<T extends z.ZodType>(schema: T, value: unknown, part: string): z.output<T> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw invalid(
    result.error.issues.flatMap((issue) => explain(issue, part, knownFields(schema))).slice(0, maxErrors),
  )
}

const maxErrors = 50

type Issue = z.core.$ZodIssue

function explain(issue: Issue, part: string, known: readonly string[]): FieldError[] {
  const field = fieldOf(issue.path, part)
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) =>
      unknownField(fieldOf([...issue.path, key], part), key, issue.path.length ? [] : known),
    )
  if (issue.code === 'invalid_union') {
    // The branch that came furthest is the one that was meant.
    const branches = issue.errors.toSorted((one, other) => depthOf(other) - depthOf(one))
    const inner = branches[0]?.map((deeper) => ({ ...deeper, path: [...issue.path, ...deeper.path] }))
    if (inner?.some(({ path }) => path.length > issue.path.length))
      return inner.flatMap((one) => explain(one, part, known))
  }
  const missing = issue.code === 'invalid_type' && issue.message.endsWith(' received undefined')
  if (missing) return [{ field, reason: 'is missing', remedy: `Give ${field}.` }]
  return [{ field, reason: `is not valid: ${lowerFirst(issue.message)}`, remedy: remedyOf(issue) }]
}

const depthOf = (issues: Issue[]): number => Math.max(0, ...issues.map(({ path }) => path.length))

function unknownField(field: string, key: string, known: readonly string[]): FieldError {
  const near = known.find((name) => isNear(name, key))
  return {
    field,
    reason: 'is not a known field',
    remedy: near ? `Did you mean ${near}?` : 'Remove it; /docs lists the fields that there are.',
  }
}

/** The same letters, or all but one or two of them in order. */
function isNear(name: string, key: string): boolean {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
  const [a, b] = [plain(name), plain(key)]
  if (a === b) return true
  if (Math.abs(a.length - b.length) > 2 || Math.min(a.length, b.length) < 4 || b.length > 64) return false
  let start = 0
  while (start < a.length && a[start] === b[start]) start++
  let end = 0
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end) === b.at(-1 - end)) end++
  return Math.max(a.length, b.length) - start - end <= 2
}

function remedyOf(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `Send ${issue.expected === 'int' ? 'a whole number' : `a value of type ${issue.expected}`}.`
    case 'too_big':
      return `Send at most ${issue.maximum}${unitOf(issue.origin)}.`
    case 'too_small':
      return `Send at least ${issue.minimum}${unitOf(issue.origin)}.`
    case 'invalid_value':
      return `Send one of: ${issue.values.map(String).join(', ')}.`
    case 'custom':
      return typeof issue.params?.['remedy'] === 'string' ? issue.params['remedy'] : 'See the field in /docs.'
    default:
      return 'See the field in /docs for what it may be.'
  }
}

const unitOf = (origin: string): string =>
  origin === 'string'
    ? ' characters'
    : origin === 'array' || origin === 'record' || origin === 'object'
      ? ' entries'
      : ''

function fieldOf(path: readonly PropertyKey[], part: string): string {
  const text = path.reduce<string>(
    (sofar, key) =>
      typeof key === 'number' ? `${sofar}[${key}]` : sofar ? `${sofar}.${String(key)}` : String(key),
    part,
  )
  return shorten(text || 'body')
}

function knownFields(schema: z.ZodType): string[] {
  return 'shape' in schema && typeof schema.shape === 'object' && schema.shape
    ? Object.keys(schema.shape)
    : []
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1)
