import { createHash } from 'node:crypto'
import type { VmMetric } from '#shared/clouds/port.ts'

/**
 * What a VM's meter shows in the minute of `atMs` while it runs, in the unit of `vmMetrics`. The same VM shows the same in the same minute,
 * whoever asks; another VM has another habit, and every day has its busy hours.
 */
export function sampleOf(vmId: string, metric: VmMetric, atMs: number): number {
  const minute = Math.floor(atMs / 60_000)
  const { low, high } = ranges[metric]
  const habit = chance(vmId, metric)
  const busyHour = 24 * chance(vmId, 'busy hour')
  const hour = (minute / 60) % 24
  const busy = (1 + Math.cos((2 * Math.PI * (hour - busyHour)) / 24)) / 2
  const share = 0.5 * habit + 0.3 * busy + 0.2 * chance(vmId, metric, minute)
  return low + (high - low) * share
}

/** The mean over the whole minutes of a period, as a meter gives it. `fromMs` and `toMs` (exclusive) are rounded down to minutes. */
export function meanOf(vmId: string, metric: VmMetric, fromMs: number, toMs: number): number {
  const minutes = Math.max(1, Math.floor(toMs / 60_000) - Math.floor(fromMs / 60_000))
  let sum = 0
  for (let index = 0; index < minutes; index++) sum += sampleOf(vmId, metric, fromMs + index * 60_000)
  return sum / minutes
}

const mebibyte = 2 ** 20

const ranges: Record<VmMetric, { low: number; high: number }> = {
  cpu_percent: { low: 1, high: 95 },
  memory_percent: { low: 15, high: 90 },
  network_in_bytes: { low: 2_000, high: 20 * mebibyte },
  network_out_bytes: { low: 2_000, high: 40 * mebibyte },
  disk_read_bytes: { low: 0, high: 60 * mebibyte },
  disk_write_bytes: { low: 4_096, high: 30 * mebibyte },
  disk_read_ops: { low: 0, high: 900 },
  disk_write_ops: { low: 1, high: 600 },
}

/** A number from 0 to below 1 that depends on nothing but what is given. */
function chance(...of: (string | number)[]): number {
  return createHash('md5').update(of.join('\n')).digest().readUInt32LE() / 2 ** 32
}
