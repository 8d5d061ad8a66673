/** A smoothed throughput, as plain data that can be stored in a checkpoint. */
export interface Rate {
  bytesDone: number
  atMs: number
  /** Undefined until two readings were taken. */
  bytesPerSecond?: number
}

/** How long the past counts: after this time a change of pace has come through to 63 %. */
const MEMORY_MS = 30_000

/**
 * Takes the next reading. Readings may come at any distance (an exponentially weighted mean over time, not over readings);
 * one that is not later, or goes back, leaves the rate as it was.
 */
export const updateRate = (previous: Rate | undefined, bytesDone: number, atMs: number): Rate => {
  if (previous === undefined) return { bytesDone, atMs }
  const elapsedMs = atMs - previous.atMs
  if (elapsedMs <= 0 || bytesDone < previous.bytesDone) return previous
  const current = ((bytesDone - previous.bytesDone) / elapsedMs) * 1000
  const weight = previous.bytesPerSecond === undefined ? 1 : 1 - Math.exp(-elapsedMs / MEMORY_MS)
  const before = previous.bytesPerSecond ?? 0
  return { bytesDone, atMs, bytesPerSecond: before + weight * (current - before) }
}

/** Milliseconds until `bytesTotal` at this rate; 0 when done, undefined while nobody can tell. */
export const etaMs = (rate: Rate | undefined, bytesTotal: number): number | undefined => {
  if (rate === undefined) return undefined
  const left = bytesTotal - rate.bytesDone
  if (left <= 0) return 0
  if (rate.bytesPerSecond === undefined || rate.bytesPerSecond <= 0) return undefined
  const leftMs = (left / rate.bytesPerSecond) * 1000
  return Number.isFinite(leftMs) ? Math.round(leftMs) : undefined
}
