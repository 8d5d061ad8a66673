import type { FieldError } from '#api/http/problem.ts'

/**
 * What is wrong with a parsed JSON value as such, whatever its schema: text that PostgreSQL cannot keep (NUL, lone surrogates), numbers
 * that are not finite once parsed, nesting too deep to walk, and the one key that JavaScript treats as more than a key.
 */
export function troubleIn(value: unknown, field = '', depth = 0): FieldError | undefined {
  if (typeof value === 'string') return troubleInText(value, field)
  if (typeof value === 'number' && !Number.isFinite(value))
    return { field, reason: 'is too large a number', remedy: 'Use a number within the range of a double.' }
  if (typeof value !== 'object' || value === null) return undefined
  if (depth >= maxDepth)
    return {
      field: shorten(field),
      reason: `is nested deeper than ${maxDepth} levels`,
      remedy: 'Flatten it.',
    }
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const trouble = troubleIn(item, `${field}[${index}]`, depth + 1)
      if (trouble) return trouble
    }
    return undefined
  }
  for (const [key, item] of Object.entries(value)) {
    if (key === '__proto__')
      return { field: field || 'body', reason: 'has a field named __proto__', remedy: 'Remove it.' }
    const trouble =
      troubleInText(key, field ? `${field} (a field name)` : 'a field name') ??
      troubleIn(item, field ? `${field}.${key}` : key, depth + 1)
    if (trouble) return trouble
  }
  return undefined
}

/** The same for one text, e.g. from a path or a query. */
export function troubleInText(text: string, field: string): FieldError | undefined {
  if (text.includes('\u0000'))
    return { field: shorten(field), reason: 'contains a NUL character', remedy: 'Remove it.' }
  if (!text.isWellFormed())
    return {
      field: shorten(field),
      reason: 'is not well-formed Unicode (a lone surrogate)',
      remedy: 'Send valid UTF-8.',
    }
  return undefined
}

/** Field paths come from the client: keep them printable and short. */
export const shorten = (field: string): string => {
  const printable = field.toWellFormed().replaceAll(/\p{Cc}/gu, '?')
  return printable.length > 120 ? `${printable.slice(0, 117)}…` : printable
}

const maxDepth = 32
