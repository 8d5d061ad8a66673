import { createHash } from 'node:crypto'

/**
 * One of the options, by the token of an intent: the same token always gets the same one, so that a call that is made again goes where the first one
 * went, and many tokens spread over all. Undefined if there are none. Pure.
 * @param options in an order that does not change between calls.
 */
export function pickByToken<T>(options: readonly T[], token: string): T | undefined {
  const number = createHash('sha256').update(token).digest().readUInt32BE()
  return options[number % options.length]
}
