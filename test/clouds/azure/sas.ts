import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import type { Clock } from '#test/clouds/core/clock.ts'
import { Refusal } from '#test/clouds/azure/replies.ts'
import type { Grant } from '#test/clouds/azure/estate.ts'

/** Shared access signatures as managed disks use them: each names a stored policy (`si`), and dies with it. */
export interface Signatures {
  /** A signature for the blob at `path`, kept until it expires or is revoked. */
  grant(path: string, level: 'Read' | 'Write', durationSeconds: number): Grant
  revoke(grant: Grant): void
  live(grant: Grant): boolean
  /** Refuses a request whose signature is missing, forged, expired, revoked or for less than this. */
  check(url: URL, need: 'Read' | 'Write'): void
}

const version = '2018-03-28'

export function createSignatures(clock: Clock, origin: () => string): Signatures {
  const key = randomBytes(32)
  const policies = new Map<string, { path: string; level: 'Read' | 'Write'; expiresAtMs: number }>()
  const sign = (path: string, policyId: string) =>
    createHmac('sha256', key)
      .update(['', '', '', path, policyId, '', '', version, 'b'].join('\n'))
      .digest('base64')
  const alive = (policyId: string) => {
    const policy = policies.get(policyId)
    return policy !== undefined && policy.expiresAtMs > clock.now() ? policy : undefined
  }

  return {
    grant(path, level, durationSeconds) {
      const policyId = randomUUID()
      const expiresAtMs = clock.now() + durationSeconds * 1000
      policies.set(policyId, { path, level, expiresAtMs })
      const query = new URLSearchParams({ sv: version, sr: 'b', si: policyId, sig: sign(path, policyId) })
      return { policyId, level, expiresAtMs, url: `${origin()}${path}?${query.toString()}` }
    },
    revoke: ({ policyId }) => void policies.delete(policyId),
    live: ({ policyId }) => alive(policyId) !== undefined,
    check({ pathname, searchParams }, need) {
      const policyId = searchParams.get('si') ?? ''
      const given = Buffer.from(searchParams.get('sig') ?? '')
      const expected = Buffer.from(sign(pathname, policyId))
      const genuine = given.length === expected.length && timingSafeEqual(given, expected)
      const policy = alive(policyId)
      if (!genuine || !policy || policy.path !== pathname) {
        throw new Refusal(
          403,
          'AuthenticationFailed',
          'Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.',
        )
      }
      if (need === 'Write' && policy.level !== 'Write') {
        throw new Refusal(
          403,
          'AuthorizationPermissionMismatch',
          'This request is not authorized to perform this operation using this permission.',
        )
      }
    },
  }
}
