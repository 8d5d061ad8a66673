import { expect, test } from 'vitest'
import { etaMs, updateRate, type Rate } from '#shared/disks/rate.ts'

const feed = (readings: [bytes: number, atMs: number][]): Rate | undefined =>
  readings.reduce<Rate | undefined>((rate, [bytes, atMs]) => updateRate(rate, bytes, atMs), undefined)

test('at a steady pace the time left is exact, however far apart the readings are', () => {
  const rate = feed([
    [0, 0],
    [100, 100],
    [5000, 5000],
    [5001, 5001],
    [60_000, 60_000],
  ])
  expect(rate?.bytesPerSecond).toBeCloseTo(1000)
  expect(etaMs(rate, 90_000)).toBe(30_000)
})

test('a change of pace comes through smoothly', () => {
  const fast = feed([
    [0, 0],
    [1000, 1000],
  ])
  const soon = updateRate(fast, 1100, 2000)
  const late = updateRate(fast, 1000 + 30_000, 301_000)
  expect(soon.bytesPerSecond).toBeGreaterThan(900)
  expect(late.bytesPerSecond).toBeCloseTo(100, 0)
})

test('many readings of one stretch weigh as much as one', () => {
  const start = feed([
    [0, 0],
    [1000, 1000],
  ])
  const once = updateRate(start, 1500, 11_000)
  let often = start
  for (let i = 1; i <= 100; i++) often = updateRate(often, 1000 + 5 * i, 1000 + 100 * i)
  expect(often?.bytesPerSecond).toBeCloseTo(once.bytesPerSecond ?? NaN, 6)
})

test('nobody can tell before two readings, nor while nothing moves; what is done needs no time', () => {
  expect(etaMs(undefined, 10)).toBeUndefined()
  expect(etaMs(feed([[0, 0]]), 10)).toBeUndefined()
  expect(
    etaMs(
      feed([
        [0, 0],
        [0, 1000],
      ]),
      10,
    ),
  ).toBeUndefined()
  expect(etaMs(feed([[10, 0]]), 10)).toBe(0)
})

test('readings that go back in time or bytes change nothing', () => {
  const rate = feed([
    [0, 0],
    [1000, 1000],
  ])
  expect(rate && updateRate(rate, 900, 2000)).toBe(rate)
  expect(rate && updateRate(rate, 2000, 1000)).toBe(rate)
})
