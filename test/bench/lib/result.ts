/** What a benchmark found: its value, what it is held against, and `ratio` = value / the other's (1 is as good). */
export interface BenchResult {
  name: string
  value: number
  unit: string
  /** Higher is better, whatever the unit. */
  ratio: number
  /** What the ratio is against, in words, with its own value. */
  against: string
  notes?: string[]
}

export const median = (values: number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2
}
