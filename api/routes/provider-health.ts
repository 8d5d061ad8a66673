import { inTransaction } from '#db/transaction.ts'
import { z } from '@hono/zod-openapi'
import { announce } from '#api/http/command.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { afterWait } from '#api/http/prefer.ts'
import { reply } from '#api/http/reply.ts'
import { loadJobView, loadProvider } from '#api/routes/load.ts'
import { submitCheck } from '#api/routes/provider-check.ts'
import { jobSchema } from '#api/views/job.ts'
import { callStatuses } from '#shared/clouds/calls/read.ts'
import { healthSchema, healthView } from '#api/views/provider.ts'

export const providerHealth = endpoint({
  method: 'get',
  path: '/providers/{id}/health',
  operationId: 'getProviderHealth',
  tag: 'Providers',
  permission: 'providers:read',
  summary: 'Get a provider’s health',
  description:
    'What the last check found, and how the calls of all workers went since; `…/metrics` has their numbers. `?refresh=true` starts a new check, or joins the one that is waiting.',
  query: z.strictObject({ refresh: z.enum(['true', 'false']).optional() }),
  waits: true,
  answers: {
    200: { description: 'The last finding.', schema: healthSchema },
    202: {
      description: 'The last finding, while a new check is under way.',
      schema: healthSchema.extend({ job: jobSchema }),
    },
  },
  async handle(call) {
    const { services, principal, query, param } = call
    const { tenantId } = principal
    const id = param('id')
    const view = async () => {
      const provider = await loadProvider(services, tenantId, id)
      return healthView(services, provider, (await callStatuses(services.pool, tenantId)).get(id))
    }
    const last = await view()
    if (query.refresh !== 'true') return reply(200, last)
    const { jobId, fresh } = await inTransaction(services.pool, (db) =>
      submitCheck(db, tenantId, id, principal.subject),
    )
    if (fresh) announce(services, jobId)
    const now = async () => ({
      ...(await view()),
      job: await loadJobView(services, tenantId, jobId),
    })
    return afterWait(call, reply(202, await now()), jobId, now)
  },
})
