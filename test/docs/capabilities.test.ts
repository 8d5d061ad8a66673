import { expect, test } from 'vitest'
import { readCapabilities, renderCapabilities } from '#test/docs/capabilities.ts'

test('the page of capabilities says what the adapters declare (`node test/docs/capabilities.ts` writes it anew)', () => {
  expect(readCapabilities()).toBe(renderCapabilities())
})
