import { errors, jwtVerify, SignJWT, type JWTPayload } from 'jose'
import { hash } from 'node:crypto'
import type { Config } from '#shared/config.ts'
import { ApiError } from '#api/http/problem.ts'
import type { KeySource } from '#api/auth/keys.ts'
import { isRole, permissionsOf, type Permission, type Role } from '#api/auth/permissions.ts'

/** Who is asking, on behalf of which tenant. */
export interface Principal {
  tenantId: string
  /** The token's `sub`. */
  subject: string
  roles: readonly Role[]
  permissions: ReadonlySet<Permission>
  expiresAt: Date
}

/** Checks a bearer token. Throws ApiError `unauthenticated`. A token seen lately is answered at once. */
export type TokenVerifier = (token: string) => Principal | Promise<Principal>

type Settings = Pick<Config, 'JWT_ISSUER' | 'JWT_AUDIENCE'>

/**
 * A verifier with a short memory: a verified token is taken at its word for `cacheMs`, but never past its own expiry.
 * Only the token's hash is remembered.
 */
export function tokenVerifier(
  config: Settings,
  keys: KeySource,
  now: () => number = Date.now,
): TokenVerifier {
  const seen = new Map<string, { principal: Principal; untilMs: number }>()

  const verify = async (token: string, id: string): Promise<Principal> => {
    const principal = principalOf(await payloadOf(token, config, keys, now))
    // The oldest goes first: a map keeps the order of insertion.
    if (seen.size >= cacheSize) seen.delete(seen.keys().next().value ?? '')
    seen.set(id, { principal, untilMs: Math.min(principal.expiresAt.getTime(), now() + cacheMs) })
    return principal
  }

  return (token) => {
    if (token.length > maxTokenChars) throw unauthenticated('The token is longer than 8 KiB.')
    const id = hash('sha256', token, 'base64')
    const known = seen.get(id)
    if (known && now() < known.untilMs) return known.principal
    seen.delete(id)
    return verify(token, id)
  }
}

/** Makes a token for development; a service with an identity provider gets its tokens there. */
export function signToken(
  config: Settings,
  key: Uint8Array,
  claims: { tenant: string; roles: readonly Role[]; subject: string; ttlMs: number },
): Promise<string> {
  const seconds = Math.floor(Date.now() / 1000)
  return new SignJWT({ tenant: claims.tenant, roles: [...claims.roles] })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(claims.subject)
    .setIssuer(config.JWT_ISSUER)
    .setAudience(config.JWT_AUDIENCE)
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + Math.ceil(claims.ttlMs / 1000))
    .sign(key)
}

export const unauthenticated = (detail: string): ApiError =>
  new ApiError('unauthenticated', detail, {
    remedy:
      'Send `Authorization: Bearer <token>`; for development, `npm run token -- --role admin --tenant acme` makes one.',
    headers: { 'www-authenticate': 'Bearer realm="novacron"' },
  })

const cacheMs = 60_000
const cacheSize = 10_000
const maxTokenChars = 8192
const tenantShape = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/

async function payloadOf(
  token: string,
  config: Settings,
  keys: KeySource,
  now: () => number,
): Promise<JWTPayload> {
  const rules = {
    algorithms: [...keys.algorithms],
    issuer: config.JWT_ISSUER,
    audience: config.JWT_AUDIENCE,
    requiredClaims: ['sub', 'exp'],
    clockTolerance: 5,
    currentDate: new Date(now()),
  }
  try {
    const verified =
      keys.kind === 'secret'
        ? await jwtVerify(token, keys.key, rules)
        : await jwtVerify(token, keys.key, rules)
    return verified.payload
  } catch (error) {
    if (keys.kind === 'jwks' && isKeySetTrouble(error))
      throw new ApiError('unavailable', 'The key set of the identity provider cannot be read.', {
        remedy: 'Try again in a few seconds; check JWT_JWKS_URL if it stays.',
        headers: { 'retry-after': '5' },
        cause: error,
      })
    throw unauthenticated(reasonOf(error))
  }
}

/** Anything but a statement about the token itself. */
const isKeySetTrouble = (error: unknown): boolean =>
  !(error instanceof errors.JOSEError) ||
  error instanceof errors.JWKSTimeout ||
  error instanceof errors.JWKSInvalid ||
  error.code === 'ERR_JOSE_GENERIC'

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'The token has expired.'
  if (error instanceof errors.JWTClaimValidationFailed)
    return `The token's claim "${error.claim}" is missing or not the expected one.`
  if (error instanceof errors.JOSEAlgNotAllowed)
    return 'The token is signed with an algorithm that is not accepted.'
  if (error instanceof errors.JWSSignatureVerificationFailed) return "The token's signature is not valid."
  return 'The token is not a valid JSON Web Token of this service.'
}

function principalOf(payload: JWTPayload): Principal {
  const tenantId = payload['tenant'] ?? payload['tid']
  if (typeof tenantId !== 'string' || !tenantShape.test(tenantId))
    throw unauthenticated('The token names no tenant (claim `tenant` or `tid`).')
  const claimed: unknown = payload['roles']
  const names = (Array.isArray(claimed) ? claimed : [claimed]).filter((name) => typeof name === 'string')
  const known = names.filter(isRole)
  return {
    tenantId,
    subject: (payload.sub ?? '').slice(0, 255),
    roles: known,
    permissions: permissionsOf(known),
    expiresAt: new Date((payload.exp ?? 0) * 1000),
  }
}
