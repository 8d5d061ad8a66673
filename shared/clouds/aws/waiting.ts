import { setTimeout as delay } from 'node:timers/promises'
import { callSignal } from '#shared/clouds/scope.ts'

/**
 * Asks `probe` until it gives something, at most for `forMs`; undefined when the time is up.
 * Asks at least twice, so that a `forMs` of 0 still looks once more after `pollMs`. Ends with the call scope.
 */
export async function waitFor<T>(
  probe: () => Promise<T | undefined>,
  { forMs, pollMs }: { forMs: number; pollMs: number },
): Promise<T | undefined> {
  const deadline = Date.now() + forMs
  for (let attempt = 1; ; attempt++) {
    const found = await probe()
    if (found !== undefined) return found
    if (attempt > 1 && Date.now() >= deadline) return undefined
    const signal = callSignal()
    // The scope's own reason says more than a plain AbortError.
    await delay(pollMs, undefined, { signal }).catch(() => signal?.throwIfAborted())
  }
}
