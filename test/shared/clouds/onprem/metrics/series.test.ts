import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  keptMs,
  sampleOf,
  samplesIn,
  withSample,
  type Sample,
} from '#shared/clouds/onprem/metrics/samples.ts'
import { seriesOf } from '#shared/clouds/onprem/metrics/series.ts'
import type { MetricsRecord } from '#shared/clouds/onprem/records.ts'

const minuteMs = 60_000
const nothing = { diskReadBytes: 0, diskWriteBytes: 0, diskReadOps: 0, diskWriteOps: 0 }
const size = { vcpus: 2, memoryMib: 512 }
const at = (atMs: number, stats: Partial<Parameters<typeof sampleOf>[0]> = {}): Sample =>
  sampleOf({ atMs, cpuTimeMs: 0, ...nothing, ...stats }, size)
const query = (minutes: number, periodMs = minuteMs) => ({ fromMs: 0, toMs: minutes * minuteMs, periodMs })
const values = (points: { at: Date; value: number }[]) =>
  points.map((point) => [point.at.getTime() / minuteMs, point.value])

test('samples are kept as they were, in small numbers', () => {
  const counter = fc.nat({ max: 2 ** 40 })
  const stats = fc.record({
    cpuTimeMs: counter,
    diskReadBytes: counter,
    diskWriteBytes: counter,
    diskReadOps: counter,
    diskWriteOps: counter,
    networkInBytes: fc.option(counter, { nil: undefined }),
    memoryUsedMib: fc.option(fc.nat({ max: 4096 }), { nil: undefined }),
  })
  fc.assert(
    fc.property(fc.array(stats, { maxLength: 20 }), (all) => {
      const samples = all.map(({ networkInBytes, memoryUsedMib, ...own }, nr) =>
        sampleOf(
          {
            atMs: 1.8e12 + nr * minuteMs,
            ...own,
            ...(networkInBytes === undefined ? {} : { networkInBytes }),
            ...(memoryUsedMib === undefined ? {} : { memoryUsedMib }),
          },
          size,
        ),
      )
      let record: MetricsRecord | undefined
      for (const sample of samples) record = withSample(record, sample)
      expect(samplesIn(record)).toEqual(samples)
    }),
  )
})

test('samples older than a day and an hour are let go, and one that is not newer is not taken', () => {
  let record: MetricsRecord | undefined
  for (let nr = 0; nr <= 26 * 60; nr += 1) record = withSample(record, at(nr * minuteMs))
  const samples = samplesIn(record)
  expect(samples).toHaveLength(25 * 60 + 1)
  expect((samples.at(-1)?.atMs ?? 0) - (samples[0]?.atMs ?? 0)).toBe(keptMs)
  expect(withSample(record, at(26 * 60 * minuteMs))).toBe(record)
  expect(JSON.stringify(record).length).toBeLessThan(80_000)
})

test('however often somebody asks, of each minute two samples are kept, and no restart is lost', () => {
  let record: MetricsRecord | undefined
  for (let nr = 0; nr < 600; nr += 1)
    record = withSample(record, at(nr * 1000, { diskReadOps: nr < 90 ? nr : nr - 90 }))
  const samples = samplesIn(record)
  expect(samples).toHaveLength(2 * 10 + 2)
  const points = values(seriesOf('disk_read_ops', samples, query(10)))
  expect(points).toHaveLength(10)
  for (const [minute, value] of points)
    expect([minute, Math.abs((value ?? 0) - 1) < 0.05]).toEqual([minute, true])
})

test('a rate is the difference of two counters by the time between them', () => {
  const samples = [at(0), at(minuteMs, { diskReadBytes: 6000 }), at(2 * minuteMs, { diskReadBytes: 6600 })]
  expect(values(seriesOf('disk_read_bytes', samples, query(5)))).toEqual([
    [0, 100],
    [1, 10],
  ])
})

test('CPU time counts against all vCPUs, and is never more than all', () => {
  const samples = [at(0), at(minuteMs, { cpuTimeMs: 60_000 }), at(2 * minuteMs, { cpuTimeMs: 260_000 })]
  expect(values(seriesOf('cpu_percent', samples, query(5)))).toEqual([
    [0, 50],
    [1, 100],
  ])
})

test('counters that fell began again at zero', () => {
  const samples = [at(0, { diskWriteOps: 9000 }), at(minuteMs, { diskWriteOps: 120 })]
  expect(values(seriesOf('disk_write_ops', samples, query(5)))).toEqual([[0, 2]])
})

test('what was measured across the edge of a period is part of both', () => {
  const samples = [at(30_000), at(90_000, { diskReadOps: 60 }), at(120_000, { diskReadOps: 180 })]
  expect(values(seriesOf('disk_read_ops', samples, query(5)))).toEqual([
    [0, 1],
    [1, 2.5],
  ])
})

test('of a time without samples nothing is told', () => {
  const samples = [at(0), at(6 * minuteMs, { diskReadOps: 600 }), at(7 * minuteMs, { diskReadOps: 660 })]
  expect(values(seriesOf('disk_read_ops', samples, query(10)))).toEqual([[6, 1]])
})

test('only periods that begin within the time asked for are told', () => {
  const samples = Array.from({ length: 20 }, (_, nr) => at(nr * minuteMs, { diskReadOps: nr * 60 }))
  const points = seriesOf('disk_read_ops', samples, {
    fromMs: 5 * minuteMs,
    toMs: 12 * minuteMs,
    periodMs: 5 * minuteMs,
  })
  expect(values(points)).toEqual([
    [5, 1],
    [10, 1],
  ])
})

test('what the hypervisor does not count has no points', () => {
  const samples = [at(0), at(minuteMs)]
  expect(seriesOf('network_in_bytes', samples, query(5))).toEqual([])
  expect(seriesOf('memory_percent', samples, query(5))).toEqual([])
  const told = [at(0, { networkInBytes: 0 }), at(minuteMs, { networkInBytes: 600, memoryUsedMib: 128 })]
  expect(values(seriesOf('network_in_bytes', told, query(5)))).toEqual([[0, 10]])
  expect(values(seriesOf('memory_percent', told, query(5)))).toEqual([[0, 25]])
})
