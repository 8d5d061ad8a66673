import { expect, test } from 'vitest'
import fc from 'fast-check'
import {
  apportion,
  decimalOfUnits,
  fraction,
  minus,
  over,
  plus,
  sum,
  times,
  toDecimal,
  unitsOf,
} from '#shared/fractions.ts'

const decimal = fc
  .tuple(fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }), fc.integer({ min: 0, max: 12 }))
  .map(([units, places]) => decimalOfUnits(units, places))

test('a decimal is read and written as it is', () => {
  fc.assert(
    fc.property(decimal, (text) => {
      expect(toDecimal(fraction(text), 12)).toBe(text)
    }),
  )
  expect(toDecimal(fraction(1.2e-7), 12)).toBe('0.00000012')
  expect(toDecimal(fraction(0.1), 20)).toBe('0.1')
})

test.each(['', '1.', '.5', '1e3', '1,5', 'NaN'])('"%s" is refused as no decimal', (text) => {
  expect(() => fraction(text)).toThrow(TypeError)
})

test('sums, products and quotients are exact, where floating point is not', () => {
  expect(toDecimal(plus(fraction('0.1'), fraction('0.2')), 20)).toBe('0.3')
  expect(toDecimal(minus(fraction('1.1'), fraction('1')), 20)).toBe('0.1')
  const third = over(fraction(1), fraction(3))
  expect(sum([third, third, third])).toEqual({ parts: 1n, of: 1n })
  fc.assert(
    fc.property(decimal, decimal, (a, b) => {
      fc.pre(Number(b) !== 0)
      expect(toDecimal(times(over(fraction(a), fraction(b)), fraction(b)), 12)).toBe(a)
    }),
  )
})

test('halves are rounded away from zero', () => {
  expect(unitsOf(fraction('0.125'), 2)).toBe(13n)
  expect(unitsOf(fraction('-0.125'), 2)).toBe(-13n)
  expect(unitsOf(fraction('0.1249'), 2)).toBe(12n)
})

test('nothing is divided by zero', () => {
  expect(() => over(fraction(1), fraction(0))).toThrow(RangeError)
})

test('shares are exactly the whole, none off by more than a unit, and none without weight', () => {
  const weights = fc.array(fc.bigInt({ min: 0n, max: 10n ** 9n }), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 18n }), weights, (units, parts) => {
      const shares = apportion(units, parts)
      expect(shares.reduce((a, b) => a + b, 0n)).toBe(units)
      const whole = parts.reduce((a, b) => a + b, 0n)
      if (whole === 0n) return
      for (const [index, share] of shares.entries()) {
        const part = parts[index] ?? 0n
        const off = share * whole - units * part
        expect(off < whole && off > -whole).toBe(true)
        expect(part === 0n && share !== 0n).toBe(false)
      }
    }),
  )
})
