import { expect, test } from 'vitest'
import { readReadme, renderReadme } from '#test/docs/configuration.ts'

test('the README lists every setting as it is (`node test/docs/configuration.ts` writes it anew)', () => {
  expect(readReadme()).toBe(renderReadme(readReadme()))
})
