import { setTimeout as sleep } from 'node:timers/promises'

/**
 * The SDK's own retries, for one client: broken connections, silence and faults of the service, `maxAttempts` in all. Throttling is not among
 * them: the account's call watch must see it, and waits longer than the SDK would.
 */
export const retriesOf = (maxAttempts: number) => ({
  mode: 'novacron',
  acquireInitialRetryToken: async () => tokenOf(0),
  async refreshRetryTokenForRetry(token: RetryToken, { errorType }: { errorType: string }) {
    const done = token.getRetryCount() + 1
    if (errorType !== 'TRANSIENT' && errorType !== 'SERVER_ERROR') throw new Error('Not to be retried here.')
    if (done >= maxAttempts) throw new Error('Tried often enough.')
    await sleep(Math.random() * firstDelayMs * 2 ** done)
    return tokenOf(done)
  },
  recordSuccess() {},
})

interface RetryToken {
  getRetryCount(): number
  getRetryDelay(): number
}

/** The delay was slept already, so none is asked of the SDK. */
const tokenOf = (count: number): RetryToken => ({ getRetryCount: () => count, getRetryDelay: () => 0 })

const firstDelayMs = 50
