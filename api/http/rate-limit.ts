import type { Principal } from '#api/auth/tokens.ts'
import { ApiError } from '#api/http/problem.ts'
import type { Quota, RateBuckets, Standing } from '#api/http/rate-buckets.ts'
import type { Config } from '#shared/config.ts'

/**
 * Counts an authenticated request against the quotas of its caller and its tenant.
 * @returns the headers that every answer to it carries; none if requests are not limited.
 * @throws ApiError `rate_limited` if a quota is used up. A refused request costs nothing.
 */
export type RateLimit = (principal: Principal) => Record<string, string>

/** The header fields are those of draft-ietf-httpapi-ratelimit-headers-10: a named policy each, with quota, window, what is left, and when it comes back. */
export function createRateLimit(
  config: Pick<Config, 'RATE_LIMIT_PER_CALLER' | 'RATE_LIMIT_PER_TENANT'>,
  buckets: RateBuckets,
): RateLimit {
  const policies: { quota: Quota; idOf: (principal: Principal) => string }[] = [
    {
      quota: { policy: 'caller', requests: config.RATE_LIMIT_PER_CALLER, windowS },
      idOf: ({ tenantId, subject }: Principal) => JSON.stringify([tenantId, subject]),
    },
    {
      quota: { policy: 'tenant', requests: config.RATE_LIMIT_PER_TENANT, windowS },
      idOf: ({ tenantId }: Principal) => tenantId,
    },
  ].filter(({ quota }) => quota.requests > 0)
  if (policies.length === 0) return () => ({})
  const policyField = policies
    .map(({ quota }) => `"${quota.policy}";q=${quota.requests};w=${quota.windowS}`)
    .join(', ')

  return (principal) => {
    const { granted, standings } = buckets.take(
      policies.map(({ quota, idOf }) => ({ quota, id: idOf(principal) })),
    )
    const headers = { 'ratelimit-policy': policyField, ratelimit: standings.map(fieldOf).join(', ') }
    if (granted) return headers
    throw refusal(
      standings.filter(({ remaining }) => remaining === 0),
      headers,
    )
  }
}

const fieldOf = ({ quota, remaining, resetS }: Standing): string =>
  `"${quota.policy}";r=${remaining};t=${resetS}`

function refusal(used: readonly Standing[], headers: Record<string, string>): ApiError {
  const seconds = Math.max(...used.map(({ resetS }) => resetS))
  const whose = used.map(({ quota }) => `this ${quota.policy} (${quota.requests} per ${quota.windowS} s)`)
  return new ApiError('rate_limited', `Too many requests of ${whose.join(' and ')}.`, {
    remedy: `Wait ${seconds} s, as Retry-After says, and then ask less often; follow jobs by events or webhooks instead of asking.`,
    headers: { ...headers, 'retry-after': String(seconds) },
    details: { policies: used.map(({ quota }) => quota.policy), retry_after_s: seconds },
  })
}

const windowS = 60
