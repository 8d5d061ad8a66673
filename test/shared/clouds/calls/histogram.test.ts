import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addTo, cumulative, quantile, upperMs, type Histogram } from '#shared/clouds/calls/histogram.ts'
import { count, merge, total, type Tally } from '#shared/clouds/calls/tally.ts'

const histogramOf = (times: readonly number[]): Histogram => {
  const histogram: Histogram = {}
  for (const ms of times) addTo(histogram, ms)
  return histogram
}
const times = fc.array(fc.double({ min: 0.05, max: 900_000, noNaN: true }), { minLength: 1, maxLength: 300 })

test('a quantile is never more than 5 % away from that of the times themselves', () => {
  fc.assert(
    fc.property(times, fc.constantFrom(0, 0.5, 0.95, 0.99, 1), (given, share) => {
      const exact = given.toSorted((a, b) => a - b)[
        Math.min(given.length - 1, Math.floor(given.length * share))
      ]
      const told = quantile(histogramOf(given), share)
      expect(Math.abs((told ?? 0) / (exact ?? 0) - 1)).toBeLessThan(0.055)
    }),
  )
})

test('what several processes counted, merged, is what one would have counted: a quantile of all and no average of theirs', () => {
  fc.assert(
    fc.property(fc.array(times, { minLength: 1, maxLength: 4 }), (processes) => {
      const tallyOf = (given: readonly number[]) => {
        const tally: Tally = {}
        for (const tookMs of given) count(tally, { operation: 'RunInstances', tookMs })
        return tally
      }
      const merged = total(merge(processes.map(tallyOf)))
      const one = total(tallyOf(processes.flat()))
      expect(merged.times).toEqual(one.times)
      expect(merged.calls).toBe(one.calls)
    }),
  )
  // Ninety quick calls of one worker and ten slow ones of another: the median is quick, which an average of medians is not.
  const quick = { operation: 'a', tookMs: 10 }
  const slow = { operation: 'a', tookMs: 10_000 }
  const [first, second]: [Tally, Tally] = [{}, {}]
  for (let calls = 0; calls < 90; calls++) count(first, quick)
  for (let calls = 0; calls < 10; calls++) count(second, slow)
  const { times: all } = total(merge([first, second]))
  expect(quantile(all, 0.5)).toBeLessThan(11)
  expect(quantile(all, 0.95)).toBeGreaterThan(9_000)
})

test('cumulative counts end with everything, and a time at a bucket’s end is in it', () => {
  const histogram = histogramOf([1, 10, 10, 100])
  expect([0, 24, 48].map(upperMs)).toEqual([1, 10, 100])
  expect(cumulative(histogram, [-24, 0, 24, 48])).toEqual([0, 1, 3, 4])
})

test('names without end, such as ones that hold an id, are counted together after two hundred', () => {
  const tally: Tally = {}
  for (let number = 0; number < 500; number++) count(tally, { operation: `GET thing-${number}`, tookMs: 1 })
  expect(Object.keys(tally)).toHaveLength(201)
  expect(tally['other']?.calls).toBe(300)
})
