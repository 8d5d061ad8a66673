import fc from 'fast-check'
import { expect, test } from 'vitest'
import { backoffMs, defaultRetry } from '#shared/jobs/retry.ts'

test('a back-off doubles with every failure up to its limit', () => {
  const policy = { attempts: 8, delayMs: 1_000, maxDelayMs: 5_000 }
  expect([1, 2, 3, 4, 5].map((failures) => backoffMs(policy, failures, () => 1))).toEqual([
    1_000, 2_000, 4_000, 5_000, 5_000,
  ])
})

test('callers that failed together come back apart: jitter spreads them over nearly the whole of a back-off', () => {
  expect(backoffMs(defaultRetry, 3, () => 0)).toBe(400)
  expect(backoffMs(defaultRetry, 3, () => 0.5)).toBe(2_200)
})

test('a schedule is kept to, and its last entry goes for all later failures', () => {
  const policy = { ...defaultRetry, scheduleMs: [5_000, 300_000] }
  expect([1, 2, 9].map((failures) => backoffMs(policy, failures, () => 0))).toEqual([5_000, 300_000, 300_000])
  expect(backoffMs(policy, 1, () => 1)).toBe(5_500)
})

test('a back-off is never shorter than a tenth of the first delay nor longer than its limit', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (failures, random) => {
        const delayMs = backoffMs(defaultRetry, failures, () => random)
        expect(delayMs).toBeGreaterThanOrEqual(defaultRetry.delayMs / 10)
        expect(delayMs).toBeLessThanOrEqual(defaultRetry.maxDelayMs)
      },
    ),
  )
})
