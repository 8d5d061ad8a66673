/** Holds back the calls to one account when its cloud asks for it. */
export interface Pacer {
  /** How long the next call must wait for its turn, in milliseconds; takes the turn. */
  takeTurn(): number
  /** A call went through. */
  passed(): void
  /** A call was throttled; `retryAfterMs` if the cloud said when to come back. */
  throttled(retryAfterMs: number | undefined): void
  /** Calls a second that are let through; undefined while nothing is held back. */
  perSecond(): number | undefined
}

/**
 * Additive increase, multiplicative decrease, as TCP does it: unlimited until the cloud throttles, then half of what was sent in the last second, and
 * half again each time it still does; from there a little more every second. Once nothing was throttled for a while it is unlimited again.
 */
export function createPacer(now: () => number = () => performance.now()): Pacer {
  let rate: number | undefined
  let nextTurnMs = 0
  let silentUntilMs = 0
  let lastCutMs = -Infinity
  let lastRaiseMs = 0
  let secondBeganMs = now()
  let inThisSecond = 0
  let inLastSecond = 0

  const count = (atMs: number) => {
    if (atMs - secondBeganMs >= 1000) {
      inLastSecond = atMs - secondBeganMs < 2000 ? inThisSecond : 0
      inThisSecond = 0
      secondBeganMs = atMs
    }
    inThisSecond += 1
  }

  return {
    takeTurn() {
      const atMs = now()
      count(atMs)
      const turnMs = Math.max(atMs, silentUntilMs, rate === undefined ? 0 : nextTurnMs)
      if (rate !== undefined) nextTurnMs = turnMs + 1000 / rate
      return turnMs - atMs
    },
    passed() {
      const atMs = now()
      if (rate === undefined || atMs - lastRaiseMs < 1000) return
      lastRaiseMs = atMs
      rate = atMs - lastCutMs > calmMs ? undefined : rate + Math.max(1, rate * 0.1)
    },
    throttled(retryAfterMs) {
      const atMs = now()
      if (retryAfterMs !== undefined) silentUntilMs = Math.max(silentUntilMs, atMs + retryAfterMs)
      // Many calls in flight are refused together: that is one signal, not many.
      if (atMs - lastCutMs < 500) return
      lastCutMs = lastRaiseMs = atMs
      rate = Math.max(slowestPerSecond, (rate ?? Math.max(inThisSecond, inLastSecond)) / 2)
      nextTurnMs = Math.max(nextTurnMs, atMs)
    },
    perSecond: () => rate,
  }
}

const slowestPerSecond = 1
const calmMs = 60_000
