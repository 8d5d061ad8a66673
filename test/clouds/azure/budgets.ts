import type { Clock } from '#test/clouds/core/clock.ts'
import type { PlainReply } from '#test/clouds/core/server.ts'
import { armError, Refusal } from '#test/clouds/azure/replies.ts'

/** A token bucket of Azure Resource Manager: so many calls at once, and so many more each second. */
export interface BucketSize {
  size: number
  perSecond: number
}
export type CallKind = 'reads' | 'writes' | 'deletes'
export type BucketSizes = Record<CallKind, BucketSize>

/** Far larger than Azure's own (250 and 25 a second, 200 and 10): what the tests are about is seldom this. */
export const usualBuckets: BucketSizes = {
  reads: { size: 12_000, perSecond: 1000 },
  writes: { size: 1_200, perSecond: 1000 },
  deletes: { size: 15_000, perSecond: 1000 },
}

/** Counts a subscription's calls. */
export interface Buckets {
  /** Answers within the allowance of the method, or refuses as Azure Resource Manager does; either way the reply says what is left. */
  spend(method: string, answer: () => Promise<PlainReply>): Promise<PlainReply>
}

/** https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling */
export function createBuckets(clock: Clock, sizes: BucketSizes): Buckets {
  const states = new Map<CallKind, { tokens: number; atMs: number }>()
  const refilled = (kind: CallKind) => {
    const { size, perSecond } = sizes[kind]
    const atMs = clock.now()
    const before = states.get(kind) ?? { tokens: size, atMs }
    const state = { tokens: Math.min(size, before.tokens + ((atMs - before.atMs) / 1000) * perSecond), atMs }
    states.set(kind, state)
    return state
  }

  return {
    async spend(method, answer) {
      const kind =
        method === 'GET' || method === 'HEAD' ? 'reads' : method === 'DELETE' ? 'deletes' : 'writes'
      const state = refilled(kind)
      const enough = state.tokens >= 1
      if (enough) state.tokens -= 1
      const left = { [`x-ms-ratelimit-remaining-subscription-${kind}`]: String(Math.floor(state.tokens)) }
      if (!enough) {
        const words = `Number of '${kind}' requests for the subscription exceeded the limit. Please try again after '1' seconds.`
        return armError(new Refusal(429, 'SubscriptionRequestsThrottled', words), {
          'retry-after': '1',
          ...left,
        })
      }
      const reply = await answer().catch((error: unknown) => {
        if (error instanceof Refusal) return armError(error)
        throw error
      })
      return { ...reply, headers: { ...left, ...reply.headers } }
    },
  }
}
