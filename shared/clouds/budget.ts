/** Holds back calls before a cloud refuses them, by what it says is left of an allowance that refills steadily (a token bucket). */
export interface Budget {
  /**
   * How long the next call must wait so that the reserve stays untouched, in milliseconds; takes the turn, unless that is longer than `mostMs`. 0
   * until the cloud has said what is left.
   */
  takeTurn(mostMs: number): number
  /** The call of a turn has ended; `left`: the calls that are left now, if the cloud said so. */
  ended(left: number | undefined): void
}

/**
 * What is left is what the cloud said last, and what has flowed in since, without the calls that are under way or wait: the cloud may have counted
 * some of them already, so it is never too much. Others who use the same allowance show in what the cloud says.
 * @param perSecond how fast it refills. @param reserve what is left to others, and to calls that were on their way when the cloud counted.
 */
export function createBudget({
  perSecond,
  reserve,
  now = () => performance.now(),
}: {
  perSecond: number
  reserve: number
  now?: () => number
}): Budget {
  let said: { left: number; atMs: number } | undefined
  let turns = 0

  return {
    takeTurn(mostMs) {
      const left = said === undefined ? Infinity : said.left + ((now() - said.atMs) / 1000) * perSecond
      const spare = left - turns - 1 - reserve
      const waitMs = spare >= 0 ? 0 : (-spare / perSecond) * 1000
      if (waitMs <= mostMs) turns += 1
      return waitMs
    },
    ended(left) {
      turns -= 1
      if (left !== undefined) said = { left, atMs: now() }
    },
  }
}
