import { decimalOf } from '#shared/decimals.ts'

/** An exact number: what amounts of money are reckoned with until they are written down. `of` is positive. */
export interface Fraction {
  readonly parts: bigint
  readonly of: bigint
}

/** Reads a decimal such as `0.0416`, or takes a number for the decimal that it is written as. */
export function fraction(value: string | number | bigint): Fraction {
  const text = typeof value === 'number' ? decimalOf(value) : String(value)
  const [, sign = '', whole = '', digits = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? []
  if (whole === '') throw new TypeError(`${text} is not a decimal number`)
  return { parts: BigInt(`${sign}${whole}${digits}`), of: 10n ** BigInt(digits.length) }
}

export const zero: Fraction = { parts: 0n, of: 1n }

export const plus = (one: Fraction, other: Fraction): Fraction =>
  reduced(one.parts * other.of + other.parts * one.of, one.of * other.of)

export const minus = (one: Fraction, other: Fraction): Fraction =>
  plus(one, { parts: -other.parts, of: other.of })

export const times = (one: Fraction, other: Fraction): Fraction =>
  reduced(one.parts * other.parts, one.of * other.of)

/** @throws RangeError for a division by zero. */
export function over(one: Fraction, other: Fraction): Fraction {
  if (other.parts === 0n) throw new RangeError('division by zero')
  const sign = other.parts < 0n ? -1n : 1n
  return reduced(one.parts * other.of * sign, one.of * other.parts * sign)
}

export const sum = (all: readonly Fraction[]): Fraction => all.reduce(plus, zero)

/** In units of 10^-`places`, rounded half away from zero. */
export function unitsOf({ parts, of }: Fraction, places: number): bigint {
  const scaled = (parts < 0n ? -parts : parts) * 10n ** BigInt(places)
  const rounded = (2n * scaled + of) / (2n * of)
  return parts < 0n ? -rounded : rounded
}

/** Units of 10^-`places` as a plain decimal, without zeros at its end. */
export function decimalOfUnits(units: bigint, places: number): string {
  const digits = String(units < 0n ? -units : units).padStart(places + 1, '0')
  const cut = digits.length - places
  const tail = digits.slice(cut).replace(/0+$/, '')
  return `${units < 0n ? '-' : ''}${digits.slice(0, cut)}${tail === '' ? '' : `.${tail}`}`
}

/** As a decimal with at most `places` digits behind the point, rounded half away from zero. */
export const toDecimal = (value: Fraction, places: number): string =>
  decimalOfUnits(unitsOf(value, places), places)

/**
 * Splits whole units by weight so that the shares are exactly the total: each is its running sum rounded down, less the one before, so none
 * is off by more than one unit. Weights are not negative; with none above zero the last takes all.
 */
export function apportion(units: bigint, weights: readonly bigint[]): bigint[] {
  const whole = weights.reduce((total, weight) => total + weight, 0n)
  if (whole === 0n) return weights.map((_, index) => (index === weights.length - 1 ? units : 0n))
  let [reached, given] = [0n, 0n]
  return weights.map((weight) => {
    reached += weight
    const share = (units * reached) / whole - given
    given += share
    return share
  })
}

function reduced(parts: bigint, of: bigint): Fraction {
  const divisor = gcd(parts < 0n ? -parts : parts, of)
  return { parts: parts / divisor, of: of / divisor }
}

const gcd = (one: bigint, other: bigint): bigint => (other === 0n ? one : gcd(other, one % other))
