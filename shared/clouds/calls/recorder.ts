import { count, merge, type CallOutcome, type Tally } from '#shared/clouds/calls/tally.ts'

/** The calls that one process made to one provider, by the minute in which they ended. */
export interface CallRecorder {
  /** @param pacedPerSecond what pacing lets through at the moment; undefined while it does not hold back. */
  add(call: CallOutcome, pacedPerSecond?: number): void
  /** What lies within the window. */
  recent(): Tally
  /** Minutes that changed since they were last asked for: what is to be written down. Those before the window are forgotten. */
  takeChanged(): Minute[]
  /** Some could not be written down: they are among the next ones again. */
  giveBack(minutes: readonly Minute[]): void
}

export interface Minute {
  /** Its beginning, milliseconds since 1970. */
  startMs: number
  lastCallMs: number
  pacedPerSecond: number | undefined
  operations: Tally
}

/** How far back calls count: the present minute and the nine before it. */
export const windowMs = 10 * 60_000
export const minuteMs = 60_000

/** @param now milliseconds since 1970: minutes are the same for all processes. */
export function createCallRecorder({ now = Date.now }: { now?: () => number } = {}): CallRecorder {
  const minutes = new Map<number, Minute>()
  const changed = new Set<number>()

  const forgetOld = () => {
    const oldestMs = firstMinuteMs(now())
    for (const startMs of minutes.keys()) if (startMs < oldestMs) minutes.delete(startMs)
  }
  return {
    add(call, pacedPerSecond) {
      const atMs = now()
      const startMs = atMs - (atMs % minuteMs)
      const known = minutes.get(startMs)
      if (!known) forgetOld()
      const minute = known ?? { startMs, lastCallMs: atMs, pacedPerSecond, operations: {} }
      minute.lastCallMs = atMs
      minute.pacedPerSecond = pacedPerSecond
      count(minute.operations, call)
      minutes.set(startMs, minute)
      changed.add(startMs)
    },
    recent() {
      forgetOld()
      return merge([...minutes.values()].map(({ operations }) => operations))
    },
    takeChanged() {
      forgetOld()
      const taken = [...changed].flatMap((startMs) => minutes.get(startMs) ?? [])
      changed.clear()
      return taken.map((minute) => structuredClone(minute))
    },
    giveBack(given) {
      for (const { startMs } of given) changed.add(startMs)
    },
  }
}

/** The beginning of the window's first minute. */
export const firstMinuteMs = (nowMs: number): number => nowMs - (nowMs % minuteMs) - windowMs + minuteMs
