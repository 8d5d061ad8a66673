import { fileURLToPath } from 'node:url'
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { assertPermitted, assertSameOrigin, authenticate } from '#api/auth/authenticate.ts'
import { endSession, startSession } from '#api/auth/session.ts'
import { loadAssets, pageHeaders, serveAsset } from '#api/pages/assets.ts'
import { ApiError, asApiError } from '#api/http/problem.ts'
import { reply } from '#api/http/reply.ts'
import type { Services } from '#api/services.ts'

/** The pages for people: sign-in, console and API reference. Their files are in api/console. */
export function mountPages(app: OpenAPIHono, services: Services): void {
  const assets = loadAssets(fileURLToPath(new URL('../console/', import.meta.url)))
  const page = (c: Context, name: string): Response => {
    const asset = assets.get(name)
    return asset ? serveAsset(c, asset) : (c.notFound() as never)
  }

  app.get('/', (c) => c.redirect('/console'))
  app.get('/assets/:name', (c) => page(c, c.req.param('name')))
  app.get('/favicon.ico', (c) => page(c, 'logo.svg'))
  app.get('/docs', (c) => page(c, 'docs.html'))
  app.get('/console', async (c) => {
    const refusal = await refuse(c, services)
    return refusal ?? page(c, 'console.html')
  })
  app.get('/session', async (c) => {
    const { tenantId, subject, roles, permissions, expiresAt } = await authenticate(c, services.verifyToken)
    const session = {
      tenant: tenantId,
      subject,
      roles,
      permissions: [...permissions],
      expires_at: expiresAt.toISOString(),
    }
    return reply(200, session)
  })
  app.get('/login', (c) => page(c, 'login.html'))
  app.post('/login', async (c) => {
    let next = localPath(undefined)
    try {
      assertSameOrigin(c)
      const form = await c.req.parseBody()
      next = localPath(form['next'])
      const token = typeof form['token'] === 'string' ? form['token'].trim() : ''
      const principal = await services.verifyToken(token)
      startSession(c, token, principal, services.config.PUBLIC_URL)
      return c.redirect(next, 303)
    } catch (error) {
      const { problem } = asApiError(error)
      return c.redirect(`/login?${new URLSearchParams({ problem: problem.message, next }).toString()}`, 303)
    }
  })
  app.post('/logout', (c) => {
    endSession(c)
    return c.redirect('/login', 303)
  })
}

/** Sends a browser without a good session to the sign-in page. @returns undefined if it may go on. */
export async function refuse(
  c: Context,
  services: Services,
  permission?: Parameters<typeof assertPermitted>[1],
): Promise<Response | undefined> {
  try {
    const principal = await authenticate(c, services.verifyToken)
    if (permission) assertPermitted(principal, permission)
    return undefined
  } catch (error) {
    if (!(error instanceof ApiError) || !c.req.header('accept')?.includes('text/html')) throw error
    const next = c.req.path
    const problem = error.status === 401 ? undefined : error.message
    const query = new URLSearchParams({ next, ...(problem ? { problem } : {}) })
    return new Response(null, {
      status: 303,
      headers: { ...pageHeaders, location: `/login?${query.toString()}` },
    })
  }
}

/** Only ever a path of our own: never `//other.host` or a full address. */
const localPath = (next: unknown): string =>
  typeof next === 'string' && /^\/(?![/\\])[\w./#?=&%-]*$/.test(next) ? next : '/console'
