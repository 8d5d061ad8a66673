import type { Context } from 'hono'
import { ApiError } from '#api/http/problem.ts'
import { rolesWith, type Permission } from '#api/auth/permissions.ts'
import { sessionToken } from '#api/auth/session.ts'
import { unauthenticated, type Principal, type TokenVerifier } from '#api/auth/tokens.ts'

/**
 * Who makes this request: by bearer token, or by the cookie of a browser session. A cookie counts for a changing request only when
 * the browser says that it comes from one of our own pages.
 */
export function authenticate(c: Context, verify: TokenVerifier): Principal | Promise<Principal> {
  const header = c.req.header('authorization')
  if (header !== undefined) {
    const [, token] = /^Bearer +([\w.~+/-]+=*)$/i.exec(header) ?? []
    if (!token) throw unauthenticated('The Authorization header is not of the form `Bearer <token>`.')
    return verify(token)
  }
  const token = sessionToken(c)
  if (!token) throw unauthenticated('The request carries no token.')
  if (!safeMethods.has(c.req.method)) assertSameOrigin(c)
  return verify(token)
}

/** Throws ApiError `forbidden` unless the roles of `principal` include `permission`. */
export function assertPermitted(principal: Principal, permission: Permission): void {
  if (principal.permissions.has(permission)) return
  throw new ApiError(
    'forbidden',
    `This needs the permission ${permission}, which your token does not give.`,
    {
      remedy: `Use a token with one of the roles ${rolesWith(permission).join(', ')}.`,
      details: { permission },
    },
  )
}

/** Throws ApiError `cross_site` unless the browser vouches that the request was made by a page of ours. */
export function assertSameOrigin(c: Context): void {
  const site = c.req.header('sec-fetch-site')
  const origin = c.req.header('origin')
  if (site === 'same-origin') return
  if (site === undefined && origin !== undefined && hostOf(origin) === c.req.header('host')) return
  throw new ApiError(
    'cross_site',
    'A session cookie is only good for requests from the pages of this service.',
    {
      remedy: 'Send a bearer token instead.',
    },
  )
}

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

const hostOf = (origin: string): string | undefined =>
  URL.canParse(origin) ? new URL(origin).host : undefined
