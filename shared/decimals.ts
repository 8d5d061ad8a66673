/**
 * A number of a JSON text as a plain decimal: JavaScript reads 1.2e-7 out of `0.00000012` and would write it so. Prices and costs have far
 * fewer digits than a number can hold, so the shortest form that reads as the same number is what was written.
 */
export function decimalOf(value: number): string {
  const text = String(value)
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(text) ?? []
  if (whole === '') throw new TypeError(`${text} is not an amount`)
  const shift = Number(exponent)
  const digits = whole + fraction
  const point = whole.length + shift
  const padded = point <= 0 ? `${'0'.repeat(1 - point)}${digits}` : digits.padEnd(point, '0')
  const at = Math.max(point, 1)
  const tail = padded.slice(at).replace(/0+$/, '')
  return `${sign}${padded.slice(0, at)}${tail === '' ? '' : `.${tail}`}`
}

/** A decimal divided by a power of two, exactly. */
export function halved(amount: string, times: number): string {
  const [whole = '0', fraction = ''] = amount.split('.')
  // Each halving adds at most one digit.
  const scaled = BigInt(`${whole}${fraction}${'0'.repeat(times)}`) / 2n ** BigInt(times)
  const places = fraction.length + times
  const digits = String(scaled).padStart(places + 1, '0')
  const tail = digits.slice(digits.length - places).replace(/0+$/, '')
  return `${digits.slice(0, digits.length - places)}${tail === '' ? '' : `.${tail}`}`
}
