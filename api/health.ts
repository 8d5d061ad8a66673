import type { OpenAPIHono } from '@hono/zod-openapi'
import { reply } from '#api/http/reply.ts'
import type { Services } from '#api/services.ts'

/** `/healthz`: the process answers. `/readyz`: it can do its work; 503 while it cannot, and from the moment it begins to stop. */
export function mountHealth(app: OpenAPIHono, services: Services): void {
  app.get('/healthz', () => reply(200, { status: 'ok' }))
  app.get('/readyz', async () => {
    const database = await within(services.pool.query('select 1'))
    const stopping = services.closing.aborted
    const ready = database && !stopping
    return reply(ready ? 200 : 503, {
      status: ready ? 'ready' : stopping ? 'stopping' : 'unavailable',
      database: database ? 'ok' : 'unreachable',
      // Told, not judged: without its queues the API still accepts jobs, and they run when the queues are back.
      queues: services.queues.backend,
    })
  })
}

async function within(work: Promise<unknown>): Promise<boolean> {
  const late = new Promise<false>((resolve) => {
    setTimeout(() => resolve(false), patienceMs).unref()
  })
  return Promise.race([
    work.then(
      () => true,
      () => false,
    ),
    late,
  ])
}

const patienceMs = 2000
