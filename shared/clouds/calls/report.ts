import { quantile } from '#shared/clouds/calls/histogram.ts'
import { windowMs } from '#shared/clouds/calls/recorder.ts'
import { total, type OperationCalls, type Tally } from '#shared/clouds/calls/tally.ts'
import type { HealthReport } from '#shared/clouds/facets/observation.ts'

/** What a window's calls say of a control plane. */
export function reportOf(tally: Tally, pacedPerSecond: number | undefined): HealthReport {
  const all = total(tally)
  const [p50Ms, p95Ms] = [quantile(all.times, 0.5), quantile(all.times, 0.95)]
  return {
    status: statusOf(all),
    windowMs,
    calls: all.calls,
    errorRate: shareOf(all.faults, all.calls),
    throttleRate: shareOf(all.throttled, all.calls),
    ...(p50Ms === undefined ? {} : { p50Ms }),
    ...(p95Ms === undefined ? {} : { p95Ms }),
    ...(pacedPerSecond === undefined ? {} : { pacedPerSecond }),
  }
}

/** 0 to 1; 0 of none. */
export const shareOf = (part: number, all: number): number => (all === 0 ? 0 : part / all)

export function statusOf({
  calls,
  faults,
  throttled,
}: Pick<OperationCalls, 'calls' | 'faults' | 'throttled'>): HealthReport['status'] {
  if (calls === 0) return 'unknown'
  if (faults / calls >= 0.5) return 'unhealthy'
  return faults / calls >= 0.05 || throttled / calls >= 0.25 ? 'degraded' : 'healthy'
}
