import type { MachineStats } from '#shared/clouds/onprem/host.ts'
import type { MetricsRecord } from '#shared/clouds/onprem/records.ts'

/** A machine's counters at a moment, and what it had then. */
export interface Sample extends Required<
  Omit<MachineStats, 'memoryUsedMib' | 'networkInBytes' | 'networkOutBytes'>
> {
  /** -1: not told. */
  memoryUsedMib: number
  networkInBytes: number
  networkOutBytes: number
  vcpus: number
  memoryMib: number
}

/** In this order a sample is kept, each value but the first sample's as the difference from the sample before: a quiet minute takes some 30 bytes. */
const columns = [
  'atMs',
  'cpuTimeMs',
  'diskReadBytes',
  'diskWriteBytes',
  'diskReadOps',
  'diskWriteOps',
  'networkInBytes',
  'networkOutBytes',
  'memoryUsedMib',
  'vcpus',
  'memoryMib',
] as const satisfies (keyof Sample)[]

/** 25 hours: a whole day can be shown at any time, with a sample before its beginning. */
export const keptMs = 25 * 3_600_000

export const sampleOf = (stats: MachineStats, size: { vcpus: number; memoryMib: number }): Sample => ({
  ...stats,
  memoryUsedMib: stats.memoryUsedMib ?? -1,
  networkInBytes: stats.networkInBytes ?? -1,
  networkOutBytes: stats.networkOutBytes ?? -1,
  vcpus: size.vcpus,
  memoryMib: size.memoryMib,
})

/**
 * The record with one sample more, and without those that are too old. One that is not newer than the last changes nothing. Of each minute the first
 * and the last are enough, since counters only grow; so it stays small however often somebody asks.
 */
export function withSample(record: MetricsRecord | undefined, sample: Sample): MetricsRecord {
  const values = columns.map((column) => Math.round(sample[column]))
  if (record === undefined) return { last: values, samples: [values] }
  const { last } = record
  if ((last[0] ?? 0) >= sample.atMs) return record
  const added = values.map((value, index) => value - (last[index] ?? 0))
  const before = record.samples.at(-1)
  const samples =
    before && isInPassing(record, before, values)
      ? [...record.samples.slice(0, -1), sumOf(before, added)]
      : [...record.samples, added]
  let [first] = samples
  let dropped = 0
  while (first && sample.atMs - (first[0] ?? 0) > keptMs) {
    dropped += 1
    first = samples[dropped] && sumOf(first, samples[dropped] ?? [])
  }
  return { last: values, samples: first ? [first, ...samples.slice(dropped + 1)] : [values] }
}

/** Oldest first. */
export function samplesIn(record: MetricsRecord | undefined): Sample[] {
  let values: number[] = columns.map(() => 0)
  return (record?.samples ?? []).map((differences) => {
    values = sumOf(values, differences)
    return Object.fromEntries(columns.map((column, index) => [column, values[index]])) as unknown as Sample
  })
}

/** Is the last sample one between two others of the same minute, that says nothing more than they do? */
function isInPassing(
  { last, samples }: MetricsRecord,
  before: readonly number[],
  next: readonly number[],
): boolean {
  if (samples.length < 2) return false
  const grew = columns.every(
    (_, index) => index >= sizes || ((before[index] ?? 0) >= 0 && (next[index] ?? 0) >= (last[index] ?? 0)),
  )
  const earlierMs = (last[0] ?? 0) - (before[0] ?? 0)
  return grew && Math.floor(earlierMs / minuteMs) === Math.floor((next[0] ?? 0) / minuteMs)
}

const minuteMs = 60_000
/** The first column that is no counter. */
const sizes = columns.indexOf('memoryUsedMib')

const sumOf = (values: readonly number[], differences: readonly number[]): number[] =>
  values.map((value, index) => value + (differences[index] ?? 0))
