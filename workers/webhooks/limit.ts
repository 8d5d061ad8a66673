import { StepError } from '#shared/jobs/errors.ts'

/** Runs work of many owners, at most so much at once for each. */
export type Limiter = <T>(owner: string, work: () => Promise<T>) => Promise<T>

/**
 * Keeps an endpoint that is slow to answer from taking all the places of its pool: what is too much for now comes back a little later, without
 * having used up a try.
 * @throws StepError `endpoint_busy` (throttled).
 */
export function createLimiter(atOnce: number): Limiter {
  const running = new Map<string, number>()
  return async (owner, work) => {
    const before = running.get(owner) ?? 0
    if (before >= atOnce)
      throw new StepError(`${before} messages to this endpoint are under way; this one waits.`, {
        code: 'endpoint_busy',
        kind: 'throttled',
        retryAfterMs: 1_000,
      })
    running.set(owner, before + 1)
    try {
      return await work()
    } finally {
      const after = (running.get(owner) ?? 1) - 1
      if (after === 0) running.delete(owner)
      else running.set(owner, after)
    }
  }
}
