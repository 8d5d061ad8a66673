import { expect, test } from 'vitest'
import { vmMetrics, type VmMetric } from '#shared/clouds/facets/observation.ts'
import { meanOf, sampleOf } from './metrics.ts'

const noonMs = Date.UTC(2026, 4, 5, 12)

test('a meter shows the same within a minute, and something else in the next and for another VM', () => {
  const shown = sampleOf('vm-1', 'cpu_percent', noonMs)
  expect(sampleOf('vm-1', 'cpu_percent', noonMs + 59_999)).toBe(shown)
  expect(sampleOf('vm-1', 'cpu_percent', noonMs + 60_000)).not.toBe(shown)
  expect(sampleOf('vm-2', 'cpu_percent', noonMs)).not.toBe(shown)
})

test('no meter leaves what is possible', () => {
  for (const metric of Object.keys(vmMetrics) as VmMetric[]) {
    for (let hour = 0; hour < 48; hour++) {
      const value = sampleOf(`vm-${hour}`, metric, noonMs + hour * 3_600_000)
      expect(value).toBeGreaterThanOrEqual(0)
      expect(value).toBeLessThanOrEqual(metric.endsWith('percent') ? 100 : Infinity)
    }
  }
})

test('the mean of a period is that of its minutes', () => {
  const minutes = [0, 1, 2].map((index) => sampleOf('vm-1', 'disk_read_ops', noonMs + index * 60_000))
  const mean = minutes.reduce((sum, value) => sum + value, 0) / 3
  expect(meanOf('vm-1', 'disk_read_ops', noonMs, noonMs + 180_000)).toBeCloseTo(mean, 9)
})
