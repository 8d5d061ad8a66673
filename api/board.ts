import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import { HonoAdapter } from '@bull-board/hono'
import { serveStatic } from '@hono/node-server/serve-static'
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { assertPermitted, authenticate } from '#api/auth/authenticate.ts'
import { refuse } from '#api/pages/pages.ts'
import type { Services } from '#api/services.ts'

/**
 * Bull Board at /board, for who runs NovaCron: it shows the queues of all tenants, so it needs `board:view`, and `board:act` to change
 * anything. What travels through the queues are ids; jobs themselves are cancelled and retried through the API.
 */
export function mountBoard(app: OpenAPIHono, services: Services): void {
  const adapter = new HonoAdapter(serveStatic).setBasePath('/board')
  const queues = services.queues.all.map((queue) => {
    const shown = new BullMQAdapter(queue, {
      allowRetries: false,
      description: 'Each entry is one step of a job. Cancel and retry jobs on their own page.',
      externalJobUrl: (job) => ({ displayText: 'Open the job', href: `/console#/jobs/${jobIdOf(job.data)}` }),
    })
    shown.setFormatter('data', onlyIds)
    shown.setFormatter('returnValue', (value: unknown) =>
      typeof value === 'string' ? value.slice(0, 200) : undefined,
    )
    return shown
  })
  createBullBoard({
    queues,
    serverAdapter: adapter,
    options: {
      uiConfig: {
        boardTitle: 'NovaCron queues',
        boardLogo: { path: '/assets/logo.svg', width: 28, height: 28 },
        favIcon: { default: '/assets/logo.svg', alternative: '/assets/logo.svg' },
        miscLinks: [{ text: 'Console', url: '/console' }],
        showWorkers: false,
        hideRedisDetails: true,
      },
    },
  })

  const guard = async (c: Context, next: () => Promise<void>) => {
    const refusal = await refuse(c, services, 'board:view')
    if (refusal) return refusal
    if (c.req.method !== 'GET') assertPermitted(await authenticate(c, services.verifyToken), 'board:act')
    await next()
    await keepLocal(c)
    return undefined
  }
  app.use('/board', guard)
  app.use('/board/*', guard)
  app.route('/board', adapter.registerPlugin())
}

/** The board's page asks another host for its fonts. It does without, so that it works offline and tells nobody that it is being looked at. */
async function keepLocal(c: Context): Promise<void> {
  c.res.headers.set('content-security-policy', policy)
  c.res.headers.set('x-frame-options', 'DENY')
  if (!c.res.headers.get('content-type')?.startsWith('text/html')) return
  const html = await c.res.text()
  c.res = new Response(html.replaceAll(/<link[^>]+href="https?:[^>]*>/g, ''), c.res)
}

const policy =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'self'; frame-ancestors 'none'"

const jobIdOf = (data: unknown): string => textAt(data, 'jobId') ?? ''

/** Whatever a queue entry holds, the board shows these four and no more. */
const onlyIds = (data: unknown): Record<string, unknown> =>
  Object.fromEntries(
    ['jobId', 'direction', 'position', 'epoch'].flatMap((name) => {
      const value: unknown = typeof data === 'object' && data !== null ? Reflect.get(data, name) : undefined
      return value === undefined ? [] : [[name, value]]
    }),
  )

function textAt(data: unknown, name: string): string | undefined {
  const value: unknown = typeof data === 'object' && data !== null ? Reflect.get(data, name) : undefined
  return typeof value === 'string' ? value : undefined
}
