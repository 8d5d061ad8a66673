import { expect, test } from 'vitest'
import { formatDuration, parseDuration } from '#api/http/duration.ts'

test.each([
  ['5m', 300_000],
  ['1h30m', 5_400_000],
  ['90s', 90_000],
  ['1.5s', 1500],
  ['250ms', 250],
  ['1d', 86_400_000],
  ['PT5M', 300_000],
  ['PT1H30M', 5_400_000],
  ['P1DT2H', 93_600_000],
  ['P2W', 1_209_600_000],
  ['PT0.5S', 500],
  ['0s', 0],
])('%s is %d ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
})

test.each([
  '',
  '5',
  'm',
  '5 m',
  '-5m',
  'P',
  'PT',
  'P1DT',
  'P1M',
  'soon',
  '5m!',
  '1e3s',
  '٣m',
  `${'9'.repeat(50)}s`,
])('%j is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined()
})

test.each([0, 1, 999, 1000, 12_345, 60_000, 72_300, 3_600_000, 90_061_001])(
  '%d ms is written so that it reads back the same',
  (ms) => {
    expect(parseDuration(formatDuration(ms))).toBe(ms)
  },
)
