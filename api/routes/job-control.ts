import { z } from '@hono/zod-openapi'
import { requestCancel, retryJob } from '#shared/jobs/control.ts'
import { idempotencyOf, replay, type Kept } from '#api/http/command.ts'
import { endpoint, type Call } from '#api/http/endpoint.ts'
import { afterWait } from '#api/http/prefer.ts'
import { ApiError, notFound } from '#api/http/problem.ts'
import { reply } from '#api/http/reply.ts'
import { loadJobView } from '#api/routes/load.ts'
import { jobSchema } from '#api/views/job.ts'

const answer = z.object({ job: jobSchema }).openapi('JobAnswer')
const answers = {
  200: { description: 'The job has finished while the answer was held (`Prefer: wait`).', schema: answer },
  202: { description: 'Accepted.', schema: answer },
}

export const cancelJob = endpoint({
  method: 'post',
  path: '/jobs/{id}/cancel',
  operationId: 'cancelJob',
  tag: 'Jobs',
  permission: 'jobs:control',
  summary: 'Cancel a job',
  description:
    'What runs is interrupted, and what has been done is undone. Past the step with which its outcome stands a job cannot be cancelled.',
  body: z.strictObject({ reason: z.string().max(500).optional() }).openapi('CancelJob'),
  bodyOptional: true,
  waits: true,
  answers,
  problems: ['job_finished', 'job_too_late'],
  handle: (call) =>
    control(call, async (jobId) => {
      const { services, principal, body } = call
      switch (await requestCancel(services.pool, principal.tenantId, jobId, body.reason)) {
        case 'not_found':
          throw notFound('job')
        case 'already_finished':
          throw new ApiError('job_finished', 'The job has finished, so there is nothing to cancel.', {
            remedy: 'GET the job to see how it ended.',
          })
        case 'too_late':
          throw new ApiError('job_too_late', 'The job is past the step with which its outcome stands.', {
            remedy: 'Let it finish; to take it back, start the opposite (e.g. a migration back).',
          })
        case 'requested':
          services.wake.notify('novacron_cancel', jobId)
      }
    }),
})

export const retry = endpoint({
  method: 'post',
  path: '/jobs/{id}/retry',
  operationId: 'retryJob',
  tag: 'Jobs',
  permission: 'jobs:control',
  summary: 'Retry a job',
  description: 'Runs a failed or cancelled job again from its first step.',
  waits: true,
  answers,
  problems: ['job_not_failed'],
  handle: (call) =>
    control(call, async (jobId) => {
      const outcome = await retryJob(call.services.pool, call.principal.tenantId, jobId)
      if (outcome === 'not_found') throw notFound('job')
      if (outcome === 'not_failed')
        throw new ApiError('job_not_failed', 'Only a failed or cancelled job can be run again.', {
          remedy: 'Wait until it has finished; if it succeeded, submit a new request.',
        })
    }),
})

/** Runs a control in its own transactions; repeated under one idempotency key it answers as it did the first time. */
async function control(call: Call, work: (jobId: string) => Promise<void>): Promise<Response> {
  const { services, principal } = call
  const jobId = call.param('id')
  const idempotency = idempotencyOf(call)
  const stored = idempotency && (await replay(call, idempotency))
  if (stored) return stored
  await work(jobId)
  services.wake.notify('novacron_outbox', '')
  services.wake.notify('novacron_job', jobId)
  const now = async () => ({ job: await loadJobView(services, principal.tenantId, jobId) })
  const body = await now()
  if (idempotency) {
    const kept: Kept = { text: JSON.stringify(body) }
    await services.pool.query(
      `insert into idempotency_keys (tenant_id, key, request_hash, status, response) values ($1, $2, $3, 202, $4)
       on conflict do nothing`,
      [principal.tenantId, idempotency.key, idempotency.requestHash, JSON.stringify(kept)],
    )
  }
  return afterWait(call, reply(202, body), jobId, now)
}
