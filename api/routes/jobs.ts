import { z } from '@hono/zod-openapi'
import { Job, JobStep } from '#db/entities/job.ts'
import { explainWaiting } from '#shared/jobs/waiting.ts'
import { isFinished } from '#shared/jobs/types.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { pageMembers, pageOf, pageQuery, readCursor, writeCursor } from '#api/http/pages.ts'
import { reply } from '#api/http/reply.ts'
import { cancelJob, retry } from '#api/routes/job-control.ts'
import { jobEvents } from '#api/routes/job-events.ts'
import { loadJob } from '#api/routes/load.ts'
import { namesOf } from '#api/routes/names.ts'
import type { Services } from '#api/services.ts'
import { jobFields, jobState, jobView, waitingSchema } from '#api/views/job.ts'
import { stepSchema, stepsView } from '#api/views/steps.ts'

const text = z.string().min(1).max(255)

const namedFields = {
  ...jobFields,
  subject_name: z
    .string()
    .nullable()
    .openapi({ description: 'The name of the subject, or of the VM that is migrated.' }),
}
const listed = z.object(namedFields).openapi('NamedJob')
const detail = z
  .object({ ...namedFields, steps: z.array(stepSchema), waiting: waitingSchema.nullable() })
  .openapi('JobDetail')

const list = endpoint({
  method: 'get',
  path: '/jobs',
  operationId: 'listJobs',
  tag: 'Jobs',
  permission: 'jobs:read',
  summary: 'List jobs',
  description: 'Newest first. Housekeeping such as webhook deliveries is left out unless `internal=true`.',
  query: z.strictObject({
    ...pageQuery,
    state: z
      .union([jobState, z.literal('unfinished')])
      .optional()
      .openapi({ description: 'A state, or `unfinished` for all in which it can still change.' }),
    kind: text.optional(),
    subject: text.optional(),
    internal: z.enum(['true', 'false']).optional(),
  }),
  answers: {
    200: { description: 'One page.', schema: z.object({ jobs: z.array(listed), ...pageMembers }) },
  },
  async handle({ services, principal, query }) {
    const { limit, cursor, state, kind, subject, internal } = query
    const place = cursor === undefined ? undefined : readCursor(cursor)
    const rows = await services.orm.em.fork().find(
      Job,
      {
        tenantId: principal.tenantId,
        $and: [
          state === undefined
            ? {}
            : { state: { $in: state === 'unfinished' ? ['queued', 'running', 'undoing'] : [state] } },
          kind === undefined ? {} : { kind },
          subject === undefined ? {} : { subject },
          internal === 'true' ? {} : { internal: false },
          place
            ? { $or: [{ createdAt: { $lt: place.at } }, { createdAt: place.at, id: { $lt: place.id } }] }
            : {},
        ],
      },
      { orderBy: [{ createdAt: 'desc' }, { id: 'desc' }], limit: limit + 1 },
    )
    const { page, next } = pageOf(rows, limit, ({ createdAt, id }) => writeCursor({ at: createdAt, id }))
    const names = await namesOf(
      services,
      principal.tenantId,
      page.map((job) => job.subject),
    )
    const jobs = page.map((job) => ({
      ...jobView(services, job),
      subject_name: names.get(job.subject ?? '') ?? null,
    }))
    return reply(200, { jobs, next_cursor: next })
  },
})

const get = endpoint({
  method: 'get',
  path: '/jobs/{id}',
  operationId: 'getJob',
  tag: 'Jobs',
  permission: 'jobs:read',
  summary: 'Get a job',
  description: 'With every step, those to come included, and why it is waiting if it is.',
  answers: { 200: { description: 'The job.', schema: detail } },
  async handle({ services, principal, param }) {
    const job = await loadJob(services, principal.tenantId, param('id'))
    const [steps, names] = await Promise.all([
      services.orm.em.fork().find(JobStep, { jobId: job.id }),
      namesOf(services, principal.tenantId, [job.subject]),
    ])
    const body: z.input<typeof detail> = {
      ...jobView(services, job),
      subject_name: names.get(job.subject ?? '') ?? null,
      steps: stepsView(job, steps),
      waiting: (await waitingOf(services, job)) ?? null,
    }
    return reply(200, body)
  },
})

export const jobEndpoints = [list, get, cancelJob, retry, jobEvents]

/** A queue that does not answer is itself an answer, and no reason to keep the rest of the job back. */
async function waitingOf({ pool, queues, log }: Services, job: Job) {
  if (isFinished(job.state)) return undefined
  try {
    const waiting = await Promise.race([explainWaiting(pool, queues, job.id), timeout()])
    return waiting && { ...waiting }
  } catch (error) {
    log.warn({ err: error, jobId: job.id }, 'cannot tell why a job waits')
    return {
      reason: 'queue_unreachable',
      detail: 'The queue does not answer; the job goes on when it is back.',
    }
  }
}

const timeout = () =>
  new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error('the queue did not answer in time')), queuePatienceMs).unref()
  })

const queuePatienceMs = 1500
