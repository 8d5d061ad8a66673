import type { z } from '@hono/zod-openapi'
import { invalid, type FieldError } from '#api/http/problem.ts'
import { shorten } from '#api/http/text.ts'
import { guess, reasonOf } from '#api/http/wording.ts'

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
    const options = optionsOf(issue)
    if (options.length > 0)
      return [{ field, reason: 'has none of the values that it may have', remedy: oneOf(options) }]
  }
  const reason = reasonOf(issue.message)
  return [{ field, reason, remedy: reason === 'is missing' ? `Give ${field}.` : remedyOf(issue) }]
}

/** The values that a union of plain values takes; none where something else is taken too. */
function optionsOf({ errors }: z.core.$ZodIssueInvalidUnion): unknown[] {
  const flat = errors.flat()
  return flat.every((one) => one.code === 'invalid_value') ? flat.flatMap(({ values }) => values) : []
}

const oneOf = (values: readonly unknown[]): string => `Send one of: ${values.map(String).join(', ')}.`

const depthOf = (issues: Issue[]): number => Math.max(0, ...issues.map(({ path }) => path.length))

function unknownField(field: string, key: string, known: readonly string[]): FieldError {
  return {
    field,
    reason: 'is not a known field',
    remedy: guess(key, known).trim() || 'Remove it; /docs lists the fields that there are.',
  }
}

function remedyOf(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return 'Send a value of that type; /docs shows each field with its type.'
    case 'too_big':
      return `Send at most ${issue.maximum}${unitOf(issue.origin)}.`
    case 'too_small':
      return `Send at least ${issue.minimum}${unitOf(issue.origin)}.`
    case 'invalid_value':
      return oneOf(issue.values)
    case 'custom':
      return typeof issue.params?.['remedy'] === 'string' ? issue.params['remedy'] : 'See the field in /docs.'
    case 'invalid_format':
      return issue.format === 'datetime'
        ? 'Write it like 2026-01-31T12:00:00Z.'
        : 'See the field in /docs for what it may be.'
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
