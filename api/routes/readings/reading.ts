import { hash } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import { inTransaction } from '#db/transaction.ts'
import { CloudReading } from '#db/entities/reading.ts'
import { Job } from '#db/entities/job.ts'
import type { ProviderEntry } from '#api/provider-directory.ts'
import { announce } from '#api/http/command.ts'
import { parseDuration } from '#api/http/duration.ts'
import type { Call } from '#api/http/endpoint.ts'
import { preferredWait, untilFinished } from '#api/http/prefer.ts'
import { ApiError } from '#api/http/problem.ts'
import { reply } from '#api/http/reply.ts'
import { links } from '#api/http/schemas.ts'
import { jobSchema, jobView } from '#api/views/job.ts'
import { linkTo } from '#api/views/links.ts'
import { newId } from '#shared/ids.ts'
import { submitJob } from '#shared/jobs/submit.ts'
import { isFinished } from '#shared/jobs/types.ts'
import type { ReadingFacet, ReadingInput } from '#shared/resources/readings.ts'

/** How old an answer may be, by facet, unless the request says. */
export const defaultMaxAge: Readonly<Record<ReadingFacet, string>> = {
  metrics: '1m',
  quotas: '5m',
  prices: '1h',
  regions: '1d',
  health: '1m',
  hosts: '30s',
}

export const maxAgeField = (facet: ReadingFacet) =>
  z
    .string()
    .max(40)
    .refine((given) => parseDuration(given) !== undefined, {
      error: 'must be a duration',
      params: { remedy: 'Write it as 5m, 1h or PT5M; 0s has it read anew.' },
    })
    .default(defaultMaxAge[facet])
    .openapi({ description: 'How old the answer may be before the cloud is asked again.', example: '5m' })

/** The answer while the cloud is still being asked. */
export const readingPending = z.object({ job: jobSchema, links }).openapi('ReadingPending', {
  description: 'The cloud is being asked; ask again when the job has finished.',
})

export const readingAnswers = (description: string, schema: z.ZodType) => ({
  200: { description: `${description} \`observed_at\` says when the cloud said so.`, schema },
  202: { description: 'It takes longer than the request waits.', schema: readingPending },
})

export interface Question {
  provider: Pick<ProviderEntry, 'id'>
  facet: ReadingFacet
  subject: string
  query: ReadingInput['query']
  /** A duration. */
  maxAge: string
}

export interface Reading<Result> {
  observedAt: Date
  result: Result
}

/**
 * Answers from what was last read, if that is fresh enough; else has a worker ask the cloud, and holds the answer for as long as the request
 * prefers (`Prefer: wait`, 10 seconds by default). Equal questions of the same moment are asked once.
 * @throws ApiError `cloud_refused` with the reason if the cloud could not be asked.
 */
export async function readThrough<Result>(
  call: Call,
  question: Question,
  render: (reading: Reading<Result>) => unknown,
): Promise<Response> {
  const { services, principal } = call
  const { tenantId } = principal
  const id = idOf(question)
  const maxAgeMs = Math.min(parseDuration(question.maxAge) ?? 0, keptMs)
  const askedAtMs = Date.now()
  const kept = await latest<Result>(call, id)
  if (kept && askedAtMs - kept.observedAt.getTime() < maxAgeMs) return reply(200, await render(kept))

  const { jobId, fresh } = await ask(call, id, question)
  if (fresh) announce(services, jobId)
  const waitMs = (preferredWait(call.c) ?? defaultWaitS) * 1000
  await untilFinished(services, jobId, waitMs, call.c.req.raw.signal)
  const job = await services.orm.em.fork().findOneOrFail(Job, { tenantId, id: jobId })
  const reading = await latest<Result>(call, id)
  if (job.state === 'succeeded' && reading) return reply(200, await render(reading))
  if (isFinished(job.state)) throw refused(call, job)
  const self = linkTo(services, `/jobs/${jobId}`)
  const body = { job: jobView(services, job), links: { job: self, events: `${self}/events` } }
  return reply(202, body, { location: self })
}

const idOf = ({ provider, facet, subject, query }: Question): string =>
  `rdg_${hash('sha256', JSON.stringify([provider.id, facet, subject, query])).slice(0, 32)}`

async function latest<Result>(
  { services, principal }: Call,
  id: string,
): Promise<Reading<Result> | undefined> {
  const row = await services.orm.em.fork().findOne(CloudReading, { tenantId: principal.tenantId, id })
  return row ? { observedAt: row.observedAt, result: row.result as Result } : undefined
}

/** Submits the reading, or joins one that is under way. */
function ask(
  { services, principal }: Call,
  id: string,
  question: Question,
): Promise<{ jobId: string; fresh: boolean }> {
  const { tenantId } = principal
  return inTransaction(services.pool, async (db) => {
    await db.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`reading ${tenantId} ${id}`])
    const { rows } = await db.query<{ id: string }>(
      `select id from jobs where tenant_id = $1 and subject = $2 and state in ('queued', 'running') limit 1`,
      [tenantId, id],
    )
    const [waiting] = rows
    if (waiting) return { jobId: waiting.id, fresh: false }
    const jobId = newId('job')
    const { provider, facet, subject, query } = question
    await submitJob(db, {
      id: jobId,
      tenantId,
      kind: 'cloud.read',
      subject: id,
      input: { reading_id: id, provider_id: provider.id, facet, subject, query },
      requestedBy: principal.subject,
      internal: true,
    })
    return { jobId, fresh: true }
  })
}

const refused = ({ services }: Call, { id, problem }: Job): ApiError =>
  new ApiError('cloud_refused', problem?.detail ?? 'The cloud was not asked to the end.', {
    ...(problem?.remedy ? { remedy: problem.remedy } : {}),
    details: {
      ...(problem ? { problem: { ...problem } } : {}),
      links: { job: linkTo(services, `/jobs/${id}`) },
    },
  })

/** Nearly every such question is answered by then. */
const defaultWaitS = 10
/** Readings are forgotten after this long. */
const keptMs = 7 * 86_400_000
