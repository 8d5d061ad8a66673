/**
 * Reads a duration such as `5m`, `1h30m`, `90s`, `250ms`, or ISO 8601 such as `PT5M` and `P1DT2H`.
 * @returns milliseconds, or undefined if it is neither.
 */
export function parseDuration(text: string): number | undefined {
  if (text.length > 40) return undefined
  return parseIso(text) ?? parseShort(text)
}

/** The short form, e.g. `1m12.5s`; what `parseDuration` reads back. */
export function formatDuration(durationMs: number): string {
  const ms = Math.max(0, Math.round(durationMs))
  const hours = Math.floor(ms / unitMs.h)
  const minutes = Math.floor((ms % unitMs.h) / unitMs.m)
  const seconds = (ms % unitMs.m) / 1000
  const tail = `${seconds.toFixed(3).replace(/\.?0+$/, '')}s`
  return `${hours ? `${hours}h` : ''}${hours || minutes ? `${minutes}m` : ''}${tail}`
}

const unitMs = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 }

function parseShort(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|[dhms]))+$/.test(text)) return undefined
  let total = 0
  for (const [, amount = '0', unit = 's'] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[dhms])/g))
    total += Number(amount) * unitMs[unit as keyof typeof unitMs]
  return total
}

function parseIso(text: string): number | undefined {
  const match = /^P(?:(\d+)W|(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?)$/.exec(text)
  if (!match || text === 'P' || text.endsWith('T')) return undefined
  const [weeks, days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0))
  const daysMs = ((weeks ?? 0) * 7 + (days ?? 0)) * unitMs.d
  return daysMs + (hours ?? 0) * unitMs.h + (minutes ?? 0) * unitMs.m + (seconds ?? 0) * unitMs.s
}
