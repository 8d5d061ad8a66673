import { expect, test } from 'vitest'
import { z } from '@hono/zod-openapi'
import { ApiError, type FieldError } from '#api/http/problem.ts'
import { troubleIn } from '#api/http/text.ts'
import { validate } from '#api/http/validate.ts'

const schema = z.strictObject({
  instance_type: z.string().max(5),
  count: z.int().min(1).max(9).default(1),
  list: z.array(z.strictObject({ name: z.string() })).default([]),
  state: z.union([z.enum(['up', 'down']), z.literal('any')]).optional(),
  at: z.iso.datetime({ offset: true }).optional(),
  either: z.union([z.strictObject({ kind: z.literal('a'), x: z.int() }), z.string()]).optional(),
})

function errorsOf(value: unknown): FieldError[] {
  try {
    validate(schema, value, '')
  } catch (error) {
    if (error instanceof ApiError) return error.errors ?? []
  }
  return []
}

test.each([
  [{}, 'instance_type', 'is missing'],
  [{ instance_type: 'x', instanceType: 'y' }, 'instanceType', 'is not a known field'],
  [{ instance_type: 'toolong' }, 'instance_type', 'is not valid'],
  [{ instance_type: 'x', count: 1.5 }, 'count', 'must be a whole number'],
  [{ instance_type: 'x', count: 10 }, 'count', 'is not valid'],
  [{ instance_type: 'x', list: [{ name: 'a' }, { name: 1 }] }, 'list[1].name', 'must be a text'],
  [{ instance_type: 'x', either: { kind: 'a', x: 'no' } }, 'either.x', 'not a text (quotes make it one)'],
  [[], 'body', 'must be an object, not a list'],
  [null, 'body', 'must be an object, not null'],
])('%j names %s', (value, field, reason) => {
  const found = errorsOf(value).find((error) => error.field === field)
  expect(found?.reason).toContain(reason)
  expect(found?.remedy).toBeTruthy()
})

test('a misspelt field is answered with the one that was meant, and a strange one is not', () => {
  expect(errorsOf({ instance_type: 'x', instanceType: 1 })[0]?.remedy).toBe('Did you mean instance_type?')
  expect(errorsOf({ instance_type: 'x', something: 1 })[0]?.remedy).toContain('Remove it')
})

test('what may be sent is told in full', () => {
  const remedyOf = (more: object) => errorsOf({ instance_type: 'x', ...more })[0]?.remedy
  expect(remedyOf({ state: 'done' })).toBe('Send one of: up, down, any.')
  expect(remedyOf({ at: 'tomorrow' })).toBe('Write it like 2026-01-31T12:00:00Z.')
})

test('a value is never repeated in an error', () => {
  const errors = JSON.stringify(
    errorsOf({ instance_type: 'sEcReT-too-long', count: 'sEcReT', list: 'sEcReT', either: 5 }),
  )
  expect(errors).not.toContain('sEcReT')
})

test('not more than fifty errors are listed', () => {
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`field${index}`, 1]))
  expect(errorsOf(many).length).toBeLessThanOrEqual(50)
})

test.each([
  [{ a: 'x\u0000' }, 'a', 'NUL'],
  [{ a: ['\ud800'] }, 'a[0]', 'surrogate'],
  [{ 'b\u0000': 1 }, 'a field name', 'NUL'],
  [{ a: { b: Infinity } }, 'a.b', 'too large'],
  [JSON.parse('{"a":{"__proto__":1}}'), 'a', '__proto__'],
])('%j cannot be kept, and it is said where', (value, field, reason) => {
  expect(troubleIn(value)).toMatchObject({ field, reason: expect.stringContaining(reason) as string })
})

test('nesting is taken up to a limit, and walked no further', () => {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : { a: nested(depth - 1) })
  expect(troubleIn(nested(30))).toBeUndefined()
  expect(troubleIn(nested(40))?.reason).toContain('nested deeper')
  expect(troubleIn(JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`))?.reason).toContain(
    'nested deeper',
  )
})
