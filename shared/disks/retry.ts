import { setTimeout as sleep } from 'node:timers/promises'
import { isIntegrity } from '#shared/disks/errors.ts'

export interface IntegrityRetry {
  /** How often to try in all. */
  attempts: number
  /** The wait before the second try; doubles each time, ± 50 %. */
  backoffMs: number
  /** Ends the waiting early; the last error is thrown then. */
  stopping: AbortSignal
  onRetry?: (error: unknown) => void
}

/** Tries again what failed with a retryable `integrity` error; every other error goes up as it is. */
export const retryIntegrity = async <T>(attempt: () => Promise<T>, options: IntegrityRetry): Promise<T> => {
  for (let tried = 1; ; tried++) {
    try {
      return await attempt()
    } catch (error) {
      if (!isIntegrity(error) || tried >= options.attempts || options.stopping.aborted) throw error
      options.onRetry?.(error)
      const waitMs = options.backoffMs * 2 ** (tried - 1) * (0.5 + Math.random())
      await sleep(waitMs, undefined, { signal: options.stopping }).catch(() => {
        throw error
      })
    }
  }
}
