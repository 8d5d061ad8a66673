/** Holds back the calls to one account when its cloud asks for it. */
export interface Pacer {
  /** How long the next call must wait for its turn, in milliseconds; takes the turn. */
  takeTurn(): number
  /** How long the cloud still wants to hear nothing, in milliseconds: no turn comes before that. */
  silenceMs(): number
  /** A call went through. */
  passed(): void
  /** A call was throttled; `retryAfterMs` if the cloud said when to come back. */
  throttled(retryAfterMs: number | undefined): void
  /** Calls a second that are let through; undefined while nothing is held back. */
  perSecond(): number | undefined
}

/**
 * Additive increase, multiplicative decrease, as TCP does it: unlimited until the cloud throttles, then half of what was sent in the last second,
 * and half again each time it still does; from there more every second that calls go through. Once nothing was throttled for a minute it is
 * unlimited again. It is half of what was sent and not of what was allowed, because others may use the account as well.
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

  const roll = (atMs: number) => {
    if (atMs - secondBeganMs < 1000) return
    inLastSecond = atMs - secondBeganMs < 2000 ? inThisSecond : 0
    inThisSecond = 0
    secondBeganMs = atMs
  }

  return {
    takeTurn() {
      const atMs = now()
      roll(atMs)
      inThisSecond += 1
      const turnMs = Math.max(atMs, silentUntilMs, rate === undefined ? 0 : nextTurnMs)
      if (rate !== undefined) nextTurnMs = turnMs + 1000 / rate
      return turnMs - atMs
    },
    silenceMs: () => Math.max(0, silentUntilMs - now()),
    passed() {
      const atMs = now()
      if (rate === undefined || atMs - lastRaiseMs < 1000) return
      lastRaiseMs = atMs
      rate = atMs - lastCutMs > calmMs ? undefined : rate + Math.max(1, rate * raisePart)
    },
    throttled(retryAfterMs) {
      const atMs = now()
      if (retryAfterMs !== undefined) silentUntilMs = Math.max(silentUntilMs, atMs + retryAfterMs)
      // Many calls in flight are refused together: that is one signal, not many.
      if (atMs - lastCutMs < sameSignalMs) return
      lastCutMs = lastRaiseMs = atMs
      roll(atMs)
      const sent = Math.max(inThisSecond, inLastSecond)
      rate = Math.max(slowestPerSecond, Math.min(rate ?? Infinity, sent) / 2)
      // The turn after this one: turns that were given out before the cut are not taken back.
      nextTurnMs = Math.max(nextTurnMs, atMs)
    },
    perSecond: () => rate,
  }
}

/** Vendors refill by 5 to 25 calls a second, for all processes of an account together. */
const slowestPerSecond = 2
/** From the slowest back to 20 calls a second takes 9 s, to 100 some 16 s. */
const raisePart = 0.25
const calmMs = 60_000
const sameSignalMs = 500
