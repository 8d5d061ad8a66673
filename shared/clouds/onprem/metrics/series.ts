import type { MetricSeries, VmMetric } from '#shared/clouds/port.ts'
import type { Sample } from '#shared/clouds/onprem/metrics/samples.ts'

export interface Query {
  fromMs: number
  toMs: number
  periodMs: number
}

/**
 * A metric over time, from samples of counters: of two neighbouring samples the difference, spread evenly over the time between them; of each period
 * what falls into it, by the time of it that was measured. Samples further apart than `longestGapMs` say nothing of the time between. A counter that
 * fell began again at zero, so all of its new value is new.
 */
export function seriesOf(metric: VmMetric, samples: readonly Sample[], query: Query): MetricSeries['points'] {
  const { fromMs, toMs, periodMs } = query
  const measure = measures[metric]
  const periods = new Map<number, { amount: number; measuredMs: number }>()
  for (const [index, later] of samples.entries()) {
    const earlier = samples[index - 1]
    if (earlier === undefined || later.atMs - earlier.atMs > longestGapMs) continue
    const rate = measure(earlier, later)
    if (rate === undefined) continue
    let at = Math.max(earlier.atMs, Math.floor(fromMs / periodMs) * periodMs)
    while (at < Math.min(later.atMs, toMs)) {
      const start = Math.floor(at / periodMs) * periodMs
      const end = Math.min(later.atMs, start + periodMs)
      const period = periods.get(start) ?? { amount: 0, measuredMs: 0 }
      periods.set(start, {
        amount: period.amount + rate * (end - at),
        measuredMs: period.measuredMs + end - at,
      })
      at = end
    }
  }
  return [...periods]
    .filter(([start, { measuredMs }]) => start >= fromMs && start < toMs && measuredMs > 0)
    .toSorted(([a], [b]) => a - b)
    .map(([start, { amount, measuredMs }]) => ({ at: new Date(start), value: amount / measuredMs }))
}

/** A tick that came late is no hole; an hour without any is. */
export const longestGapMs = 5 * 60_000

/** The mean between two samples, in the metric's unit; undefined if the samples do not tell. */
type Measure = (earlier: Sample, later: Sample) => number | undefined

const perSecond =
  (column: Counter): Measure =>
  (earlier, later) => {
    if (earlier[column] < 0 || later[column] < 0) return undefined
    return (1000 * grown(earlier[column], later[column])) / (later.atMs - earlier.atMs)
  }

type Counter =
  | 'cpuTimeMs'
  | 'diskReadBytes'
  | 'diskWriteBytes'
  | 'diskReadOps'
  | 'diskWriteOps'
  | 'networkInBytes'
  | 'networkOutBytes'

const grown = (earlier: number, later: number): number => (later < earlier ? later : later - earlier)

const measures: Record<VmMetric, Measure> = {
  /** The hypervisor's own work counts, so a busy machine can be above 100; more than all is all. */
  cpu_percent: (earlier, later) => {
    const milliseconds = grown(earlier.cpuTimeMs, later.cpuTimeMs)
    return Math.min(100, (100 * milliseconds) / ((later.atMs - earlier.atMs) * later.vcpus))
  },
  memory_percent: (_, { memoryUsedMib, memoryMib }) =>
    memoryUsedMib < 0 || memoryMib <= 0 ? undefined : Math.min(100, (100 * memoryUsedMib) / memoryMib),
  network_in_bytes: perSecond('networkInBytes'),
  network_out_bytes: perSecond('networkOutBytes'),
  disk_read_bytes: perSecond('diskReadBytes'),
  disk_write_bytes: perSecond('diskWriteBytes'),
  disk_read_ops: perSecond('diskReadOps'),
  disk_write_ops: perSecond('diskWriteOps'),
}
