import type { PipelineRequest, PipelineResponse } from '@azure/core-rest-pipeline'
import { nameOf } from '#shared/clouds/azure/client/call-name.ts'
import { createBudget, type Budget } from '#shared/clouds/budget.ts'
import { CloudError } from '#shared/clouds/errors.ts'
import { pause } from '#shared/clouds/scope.ts'

/** Keeps the calls to Azure Resource Manager within what it says is left, so that it need not throttle. */
export interface Budgets {
  /** Makes a call when it is its turn. @throws CloudError `throttled` (not sent) if that is later than a worker's slot may wait. */
  within(request: PipelineRequest, send: () => Promise<PipelineResponse>): Promise<PipelineResponse>
}

/**
 * Azure Resource Manager counts a subscription's reads, writes and deletions by token buckets (250 reads, refilled by 25 a second; 200 of the others,
 * by 10) and says with each reply how many are left, in `x-ms-ratelimit-remaining-subscription-reads` and the like:
 * https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling. Calls go out as they come until
 * a second's refill is all that is left, and from there on as fast as the bucket refills. The policies of single resource providers
 * (`x-ms-ratelimit-remaining-resource`) say neither their rate nor whose they are: their Retry-After is heeded when it comes.
 * @param absorbMs the longest that a call waits for its turn.
 */
export function createBudgets({ absorbMs }: { absorbMs: number }): Budgets {
  const budgets: Readonly<Record<Kind, Budget>> = {
    reads: createBudget({ perSecond: 25, reserve: 25 }),
    writes: createBudget({ perSecond: 10, reserve: 10 }),
    deletes: createBudget({ perSecond: 10, reserve: 10 }),
  }
  return {
    async within(request, send) {
      const kind = kindOf(request)
      const budget = budgets[kind]
      const waitMs = budget.takeTurn(absorbMs)
      if (waitMs > absorbMs) throw spent(kind, request, waitMs)
      let left: number | undefined
      try {
        await pause(waitMs)
        const response = await send()
        left = leftOf(kind, response)
        return response
      } finally {
        budget.ended(left)
      }
    },
  }
}

type Kind = 'reads' | 'writes' | 'deletes'

const kindOf = ({ method }: PipelineRequest): Kind =>
  method === 'GET' || method === 'HEAD' ? 'reads' : method === 'DELETE' ? 'deletes' : 'writes'

/** The least that is left of any allowance that the call counts against: the caller's, the subscription's as a whole, the tenant's. */
function leftOf(kind: Kind, { headers }: PipelineResponse): number | undefined {
  const scopes = ['subscription', 'subscription-global', 'tenant', 'tenant-global']
  const counts = scopes
    .map((scope) => headers.get(`x-ms-ratelimit-remaining-${scope}-${kind}`))
    .filter((count) => count !== undefined && /^\d+$/.test(count))
  return counts.length === 0 ? undefined : Math.min(...counts.map(Number))
}

const spent = (kind: Kind, request: PipelineRequest, waitMs: number): CloudError =>
  new CloudError(`Azure has next to no ${kind} left for this subscription; the call is not sent yet.`, {
    cloud: 'azure',
    operation: nameOf(request),
    code: 'throttled',
    kind: 'throttled',
    retryAfterMs: Math.ceil(waitMs),
    remedy: 'Nothing to do: it is tried again. Others who use the subscription slow it down, too.',
  })
