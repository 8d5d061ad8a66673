import { OpenAPIHono } from '@hono/zod-openapi'
import { tokenVerifier } from '#api/auth/tokens.ts'
import { mountBoard } from '#api/board.ts'
import { mountHealth } from '#api/health.ts'
import { mount, type Endpoint } from '#api/http/endpoint.ts'
import { ApiError, asApiError, problemResponse } from '#api/http/problem.ts'
import { openRateBuckets } from '#api/http/rate-buckets.ts'
import { createRateLimit } from '#api/http/rate-limit.ts'
import { jobWatch } from '#api/job-watch.ts'
import { mountMetrics } from '#api/metrics.ts'
import { openApiDocument } from '#api/openapi.ts'
import { mountPages } from '#api/pages/pages.ts'
import { providerDirectory } from '#api/provider-directory.ts'
import { hostEndpoints } from '#api/routes/hosts.ts'
import { jobEndpoints } from '#api/routes/jobs.ts'
import { migrationEndpoints } from '#api/routes/migrations.ts'
import { providerEndpoints } from '#api/routes/providers.ts'
import { resourceEndpoints } from '#api/routes/resources.ts'
import { vmEndpoints } from '#api/routes/vms.ts'
import { webhookEndpoints } from '#api/routes/webhooks.ts'
import type { ApiDeps, Services } from '#api/services.ts'
import { newId } from '#shared/ids.ts'

/** Every route of the API. */
export const endpoints: readonly Endpoint[] = [
  ...providerEndpoints,
  ...vmEndpoints,
  ...resourceEndpoints,
  ...hostEndpoints,
  ...migrationEndpoints,
  ...jobEndpoints,
  ...webhookEndpoints,
]

/** Assembles the web application. It opens nothing by itself: tests call `app.request()` on it. */
export function createApp(deps: ApiDeps): OpenAPIHono {
  const buckets = openRateBuckets(deps.pool, deps.log)
  deps.closing.addEventListener('abort', () => buckets.close(), { once: true })
  const services: Services = {
    ...deps,
    verifyToken: tokenVerifier(deps.config, deps.tokenKeys),
    providers: providerDirectory(deps.pool),
    watch: jobWatch(deps.wake),
    rateLimit: createRateLimit(deps.config, buckets),
  }
  const app = new OpenAPIHono()
  mount(app, services, endpoints)
  mountHealth(app, services)
  mountMetrics(app, services)
  mountPages(app, services)
  mountBoard(app, services)

  const document = JSON.stringify(openApiDocument(app, deps.config.PUBLIC_URL))
  app.get('/openapi.json', () => new Response(document, { headers: { 'content-type': 'application/json' } }))

  app.notFound((c) => {
    const error = new ApiError(
      'route_not_found',
      `There is no route ${c.req.method.slice(0, 20)} ${c.req.path.slice(0, 200)}.`,
      {
        remedy: 'See /docs for the routes that there are.',
      },
    )
    return problemResponse(error, newId('req'))
  })
  app.onError((error, c) => {
    const { problem, ours } = asApiError(error)
    const requestId = newId('req')
    if (ours) deps.log.error({ err: error, requestId, path: c.req.path.slice(0, 200) }, 'request failed')
    return problemResponse(problem, requestId)
  })
  return app
}
