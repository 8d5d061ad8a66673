import { expect, test } from 'vitest'
import { compilePattern } from '#shared/pattern.ts'

test('a pattern that would take a backtracking engine centuries is answered at once', () => {
  const matches = compilePattern('^(a+)+$')
  expect(matches?.(`${'a'.repeat(500)}b`)).toBe(false)
  expect(matches?.('a'.repeat(500))).toBe(true)
})

test('what is not an expression of RE2 is refused, not thrown', () => {
  expect(compilePattern('(')).toBeUndefined()
  expect(compilePattern(String.raw`(a)\1`)).toBeUndefined()
})
