import type { RetryPolicy } from '#shared/jobs/chain.ts'

/** About a quarter of an hour of trying: long enough for a cloud's hiccup, short enough to tell the user. */
export const defaultRetry: RetryPolicy = { attempts: 8, delayMs: 1_000, maxDelayMs: 120_000 }

/**
 * How long to wait after the n-th failed try: a schedule if the policy has one, else exponential with full jitter, which spreads out
 * callers that failed together.
 * @param failures failed tries so far, this one included; 1 or more.
 */
export function backoffMs(policy: RetryPolicy, failures: number, random: () => number = Math.random): number {
  const scheduled = policy.scheduleMs?.[Math.min(failures, policy.scheduleMs.length) - 1]
  if (scheduled !== undefined) return Math.round(scheduled * (1 + 0.1 * random()))
  const ceilingMs = Math.min(policy.maxDelayMs, policy.delayMs * 2 ** (failures - 1))
  return Math.round(ceilingMs * (0.1 + 0.9 * random()))
}
