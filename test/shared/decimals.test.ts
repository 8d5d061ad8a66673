import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decimalOf, halved } from '#shared/decimals.ts'

const known: [number, string][] = [
  [0, '0'],
  [-0, '0'],
  [730, '730'],
  [0.1, '0.1'],
  [1.2e-7, '0.00000012'],
  [-4.65e-6, '-0.00000465'],
  [1.5e21, '1500000000000000000000'],
  [12_345.6789, '12345.6789'],
]

test.for(known)('%d is written %s', ([value, text]) => {
  expect(decimalOf(value)).toBe(text)
})

test('every amount is written without an exponent, and reads as the same number', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = decimalOf(value)
      expect(text).toMatch(/^-?\d+(\.\d*[1-9])?$/)
      expect(Number(text)).toBe(value === 0 ? 0 : value)
    }),
  )
})

test('what is no number is refused', () => {
  expect(() => decimalOf(Number.NaN)).toThrow(TypeError)
  expect(() => decimalOf(Number.POSITIVE_INFINITY)).toThrow(TypeError)
})

test('halving loses no digit', () => {
  expect(halved('9.6', 7)).toBe('0.075')
  expect(halved('19.71', 7)).toBe('0.153984375')
  expect(halved('1', 1)).toBe('0.5')
  expect(halved('256', 7)).toBe('2')
})
