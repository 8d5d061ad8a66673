/** What zod says of a value, in words of our own: a reason that follows the field's name, with no types of JavaScript and no quotes of quotes. */
export function reasonOf(message: string): string {
  const [, expected, received] = /^Invalid input: expected (\w+), received (\w+)$/.exec(message) ?? []
  if (expected && received === 'undefined') return 'is missing'
  if (expected) return `must be ${typeNames[expected] ?? expected}${isSaid[received ?? ''] ?? ''}`
  const [, options] = /^Invalid option: expected one of (.+)$/.exec(message) ?? []
  if (options) return `must be one of: ${options.replaceAll('"', '').split('|').join(', ')}`
  if (message === 'Invalid ISO datetime') return 'must be a time in ISO 8601, with its zone'
  if (/^(must|is|has|holds|names) /.test(message)) return message
  return `is not valid: ${message.charAt(0).toLowerCase()}${message.slice(1)}`
}

const typeNames: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
}

const isSaid: Record<string, string> = {
  string: ', not a text (quotes make it one)',
  null: ', not null',
  array: ', not a list',
  object: ', not an object',
}

/** What a misspelt name probably means, as the beginning of a remedy; empty where nothing is near. */
export const guess = (given: string, known: readonly string[]): string => {
  const near = known.find((name) => isNear(name, given))
  return near === undefined ? '' : `Did you mean ${near}? `
}

/** The same letters, or all but one or two of them in order. */
export function isNear(name: string, key: string): boolean {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
  const [a, b] = [plain(name), plain(key)]
  if (a === b) return true
  if (Math.abs(a.length - b.length) > 2 || Math.min(a.length, b.length) < 4 || b.length > 64) return false
  let start = 0
  while (start < a.length && a[start] === b[start]) start++
  let end = 0
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end) === b.at(-1 - end)) end++
  return Math.max(a.length, b.length) - start - end <= 2
}
