import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { isFinished } from '#shared/jobs/types.ts'
import { endpoint } from '#api/http/endpoint.ts'
import { invalid } from '#api/http/problem.ts'
import { reply } from '#api/http/reply.ts'
import { loadJob } from '#api/routes/load.ts'
import type { Services } from '#api/services.ts'

const eventSchema = z
  .object({
    job_id: z.string(),
    seq: z.int().openapi({ description: 'From 1, without gaps within a job.' }),
    type: z.string().openapi({ example: 'step.succeeded' }),
    at: z.string(),
    data: z.record(z.string(), z.unknown()),
  })
  .openapi('JobEvent')

type JobEvent = z.input<typeof eventSchema>

const seq = z
  .string()
  .regex(/^\d{1,15}$/, 'must be the number of an event')
  .transform(Number)

export const jobEvents = endpoint({
  method: 'get',
  path: '/jobs/{id}/events',
  operationId: 'streamJobEvents',
  tag: 'Jobs',
  permission: 'jobs:read',
  summary: 'Follow a job’s events',
  description:
    'As server-sent events: first those that there are (after `Last-Event-ID` or `after`), then each new one as it happens; the stream ends after the event with which the job ends. With `Accept: application/json` one page of what there is.',
  query: z.strictObject({
    after: seq
      .optional()
      .openapi({ type: 'integer', description: 'Number of the last event that is known.' }),
    limit: z
      .string()
      .regex(/^([1-9]\d{0,2}|1000)$/, 'must be a whole number from 1 to 1000')
      .transform(Number)
      .default(500)
      .openapi({
        type: 'integer',
        minimum: 1,
        maximum: 1000,
        default: 500,
        description: 'Events in one JSON page.',
      }),
  }),
  answers: {
    200: {
      description: 'The events. As JSON: `{ events, next_after, finished }`, the events as here.',
      schema: eventSchema,
      contentType: 'text/event-stream',
    },
  },
  async handle({ c, services, principal, param, query }) {
    const job = await loadJob(services, principal.tenantId, param('id'))
    const after = query.after ?? lastEventId(c) ?? 0
    if (!wantsStream(c)) {
      const { events, finished } = await read(services, job.id, after, query.limit + 1)
      const page = events.slice(0, query.limit)
      const more = events.length > query.limit
      return reply(200, { events: page, next_after: page.at(-1)?.seq ?? after, finished: finished && !more })
    }
    return new Response(stream(services, job.id, after, c.req.raw.signal), {
      headers: {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache, no-transform',
        'x-content-type-options': 'nosniff',
        // Tells proxies such as nginx not to hold events back.
        'x-accel-buffering': 'no',
      },
    })
  },
})

/** Replay, then live; ends after the job's last event, when the reader goes away, or when the process stops. */
function stream(
  services: Services,
  jobId: string,
  after: number,
  gone: AbortSignal,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const cancelled = new AbortController()
  const signal = AbortSignal.any([services.closing, gone, cancelled.signal])
  return new ReadableStream({
    async start(controller) {
      const subscription = services.watch.subscribe(jobId)
      const heartbeat = setInterval(() => {
        if (!signal.aborted) controller.enqueue(encoder.encode(': still here\n\n'))
      }, heartbeatMs)
      try {
        controller.enqueue(encoder.encode(`retry: ${reconnectMs}\n\n`))
        for (let last = after; !signal.aborted;) {
          const { events, finished } = await read(services, jobId, last, batch)
          if (signal.aborted) break
          for (const event of events) controller.enqueue(encoder.encode(frame(event)))
          last = events.at(-1)?.seq ?? last
          if (events.length === batch) continue
          if (finished) break
          await subscription.next(lookAgainMs, signal)
        }
      } catch (error) {
        // The reader reconnects and goes on after the last event that it has.
        services.log.warn({ err: error, jobId }, 'an event stream broke off')
      } finally {
        clearInterval(heartbeat)
        subscription.close()
        if (!cancelled.signal.aborted) controller.close()
      }
    },
    cancel: () => cancelled.abort(),
  })
}

const frame = (event: JobEvent): string =>
  `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`

/** In one snapshot, so that `finished` is never seen before the event that belongs to it. */
async function read(
  { pool }: Services,
  jobId: string,
  after: number,
  limit: number,
): Promise<{ events: JobEvent[]; finished: boolean }> {
  const { rows } = await pool.query<Row>({
    name: 'events-of-job',
    text: readSql,
    values: [jobId, after, limit],
  })
  return {
    finished: isFinished(rows[0]?.state ?? 'failed'),
    events: rows.flatMap(({ seq: number, type, at, data }) =>
      number === null ? [] : [{ job_id: jobId, seq: Number(number), type, at: at.toISOString(), data }],
    ),
  }
}

interface Row {
  state: string
  /** Null in the one row that there is without any event; a bigint comes as text. */
  seq: string | null
  type: string
  at: Date
  data: Record<string, unknown>
}

const readSql = `
select j.state, e.seq, e.type, e.at, e.data
from jobs j left join lateral (
  select seq, type, at, data from job_events where job_id = j.id and seq > $2 order by seq limit $3
) e on true
where j.id = $1 order by e.seq`

function wantsStream(c: Context): boolean {
  const accept = c.req.header('accept') ?? ''
  return accept.includes('text/event-stream') || !accept.includes('application/json')
}

function lastEventId(c: Context): number | undefined {
  const header = c.req.header('last-event-id')
  if (header === undefined || header === '') return undefined
  const parsed = seq.safeParse(header)
  if (parsed.success) return parsed.data
  throw invalid([
    {
      field: 'header.Last-Event-ID',
      reason: 'is not the number of an event',
      remedy: 'Send the id of the last event, or leave it out.',
    },
  ])
}

const heartbeatMs = 15_000
/** A wake-up may be missed. */
const lookAgainMs = 5000
const reconnectMs = 2000
const batch = 500
