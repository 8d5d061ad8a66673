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

/** In this order a sample is kept, each value as the difference from the sample before, which makes a quiet minute some 30 bytes of JSON. */
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

/** The record with one sample more, and without those that are too old. One that is not newer than the last changes nothing. */
export function withSample(record: MetricsRecord | undefined, sample: Sample): MetricsRecord {
  const samples = samplesIn(record)
  const last = samples.at(-1)
  if (record && last && last.atMs >= sample.atMs) return record
  return recordOf([...samples, sample].filter(({ atMs }) => sample.atMs - atMs <= keptMs))
}

/** Oldest first. */
export function samplesIn(record: MetricsRecord | undefined): Sample[] {
  const values = columns.map(() => 0)
  return (record?.samples ?? []).map((differences) => {
    for (const index of columns.keys()) values[index] = (values[index] ?? 0) + (differences[index] ?? 0)
    return Object.fromEntries(columns.map((column, index) => [column, values[index]])) as unknown as Sample
  })
}

function recordOf(samples: readonly Sample[]): MetricsRecord {
  const values = columns.map(() => 0)
  return {
    samples: samples.map((sample) =>
      columns.map((column, index) => {
        const difference = Math.round(sample[column]) - (values[index] ?? 0)
        values[index] = Math.round(sample[column])
        return difference
      }),
    ),
  }
}
