/**
 * How long calls took, counted by bucket: sparse, as JSON keeps it, and added up bucket by bucket over any number of processes. Bucket `n` holds
 * what took up to `upperMs(n)`; 24 to each power of ten, so a quantile is off by 5 % at most.
 */
export type Histogram = Record<string, number>

/** The longest that bucket `n` holds, in milliseconds. */
export const upperMs = (bucket: number): number => 10 ** (bucket / perDecade)

export function addTo(histogram: Histogram, tookMs: number): void {
  const bucket = Math.ceil(Math.log10(Math.max(tookMs, shortestMs)) * perDecade - rounding)
  const name = String(Math.min(bucket, longest))
  histogram[name] = (histogram[name] ?? 0) + 1
}

/** The time that a share of all calls kept within, in milliseconds: the middle of its bucket. Undefined without calls. */
export function quantile(histogram: Histogram, share: number): number | undefined {
  const buckets = sorted(histogram)
  const total = buckets.reduce((sum, [, count]) => sum + count, 0)
  const rank = Math.min(total - 1, Math.floor(total * share))
  let before = 0
  for (const [bucket, count] of buckets) {
    before += count
    if (before > rank) return toThreeDigits(upperMs(bucket - 0.5))
  }
  return undefined
}

/** How many took at most as long as each of some buckets, in their order. */
export function cumulative(histogram: Histogram, buckets: readonly number[]): number[] {
  const counted = sorted(histogram)
  return buckets.map((upper) =>
    counted.reduce((sum, [bucket, count]) => (bucket <= upper ? sum + count : sum), 0),
  )
}

const sorted = (histogram: Histogram): [bucket: number, count: number][] =>
  Object.entries(histogram)
    .map(([bucket, count]): [number, number] => [Number(bucket), count])
    .toSorted(([a], [b]) => a - b)

const toThreeDigits = (value: number): number => Number(value.toPrecision(3))

const perDecade = 24
const shortestMs = 0.01
/** A thousand seconds and more. */
const longest = 6 * perDecade
/** A power of ten belongs to its own bucket, whatever its logarithm is rounded to. */
const rounding = 1e-9
