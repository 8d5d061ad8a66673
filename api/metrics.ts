import type { OpenAPIHono } from '@hono/zod-openapi'
import packageJson from '#package.json' with { type: 'json' }
import { assertPermitted, authenticate } from '#api/auth/authenticate.ts'
import { cloudFamilies } from '#api/metrics/clouds.ts'
import { contentType, expose, type Family } from '#api/metrics/exposition.ts'
import { jobFamilies, queueFamilies } from '#api/metrics/jobs.ts'
import type { Services } from '#api/services.ts'

/**
 * `/metrics` for Prometheus: jobs, queues and calls to clouds of all tenants, so it needs `metrics:read`. Every web process answers the same but for
 * its own memory and processor time; scrape one, or all and take the maximum.
 */
export function mountMetrics(app: OpenAPIHono, services: Services): void {
  app.get('/metrics', async (c) => {
    assertPermitted(await authenticate(c, services.verifyToken), 'metrics:read')
    const { pool, queues } = services
    const families = await Promise.all([jobFamilies(pool), queueFamilies(queues), cloudFamilies(pool)])
    const text = expose([...families.flat(), ...ownFamilies(services)])
    return new Response(text, { headers: { 'content-type': contentType, 'cache-control': 'no-store' } })
  })
}

function ownFamilies({ queues }: Services): Family[] {
  const { user, system } = process.cpuUsage()
  return [
    {
      name: 'novacron_build_info',
      type: 'gauge',
      help: 'The version that this process runs, and where its queues live.',
      samples: [{ labels: { version: packageJson.version, queues: queues.backend }, value: 1 }],
    },
    {
      name: 'process_cpu_seconds_total',
      type: 'counter',
      help: 'Processor time that this web process took.',
      samples: [{ value: (user + system) / 1e6 }],
    },
    {
      name: 'process_resident_memory_bytes',
      type: 'gauge',
      help: 'Memory of this web process.',
      samples: [{ value: process.memoryUsage.rss() }],
    },
    {
      name: 'process_start_time_seconds',
      type: 'gauge',
      help: 'When this web process started, since 1970.',
      samples: [{ value: performance.timeOrigin / 1000 }],
    },
  ]
}
