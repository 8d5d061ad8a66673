/** Milliseconds since the epoch. */
export interface Clock {
  now(): number
}

export const realClock: Clock = { now: () => Date.now() }

/** A clock that stands still until it is told to move. */
export function manualClock(startMs = 0): Clock & { advance(ms: number): void } {
  let nowMs = startMs
  return {
    now: () => nowMs,
    advance(ms) {
      nowMs += ms
    },
  }
}

/** A clock that runs as the real one does, ahead of it by what it was moved: for what waits in real time for things that take long. */
export function runningClock(): Clock & { advance(ms: number): void } {
  let aheadMs = 0
  return {
    now: () => Date.now() + aheadMs,
    advance(ms) {
      aheadMs += ms
    },
  }
}

/** For each state that passes by itself: what it turns into, and after how long. */
export type Transitions<S extends string> = { readonly [state in S]?: { to: S; afterMs: number } }

/** The state of one resource. */
export interface Life<S extends string> {
  /** The state now; passes through every transition that has fallen due since the last look. */
  state(): S
  /** When the present state was entered. */
  sinceMs(): number
  /** Moves on command (a start, a stop); timed transitions count from now. */
  enter(state: S): void
}

/**
 * Timed state machines such as pending -> running -> stopping -> stopped, evaluated when looked at: no timers to clean up.
 * `onEnter` is told of every state a life enters, timed ones when they are first looked at.
 */
export function createLifecycle<S extends string>({
  transitions,
  clock = realClock,
}: {
  transitions: Transitions<S>
  clock?: Clock
}): { start(initial: S, onEnter?: (state: S) => void): Life<S> } {
  return {
    start(initial, onEnter) {
      let state = initial
      let sinceMs = clock.now()
      const settle = () => {
        for (
          let next = transitions[state];
          next && clock.now() >= sinceMs + next.afterMs;
          next = transitions[state]
        ) {
          state = next.to
          sinceMs += next.afterMs
          onEnter?.(state)
        }
      }
      return {
        state() {
          settle()
          return state
        },
        sinceMs() {
          settle()
          return sinceMs
        },
        enter(wanted) {
          settle()
          state = wanted
          sinceMs = clock.now()
          onEnter?.(state)
        },
      }
    },
  }
}

/**
 * Eventual consistency of what was just created: an id `add`ed stays invisible to `has` for `delayMs`.
 * Ids never added are visible, so that seeded resources need no entry.
 */
export function eventuallyVisible(
  delayMs: number,
  clock: Clock = realClock,
): { add(id: string): void; has(id: string): boolean } {
  const visibleAtMs = new Map<string, number>()
  return {
    add(id) {
      visibleAtMs.set(id, clock.now() + delayMs)
    },
    has(id) {
      const atMs = visibleAtMs.get(id)
      if (atMs === undefined) return true
      if (clock.now() < atMs) return false
      visibleAtMs.delete(id)
      return true
    },
  }
}
