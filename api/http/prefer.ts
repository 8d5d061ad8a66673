import type { Context } from 'hono'
import { isFinished } from '#shared/jobs/types.ts'
import type { Call } from '#api/http/endpoint.ts'
import { reply } from '#api/http/reply.ts'
import type { Services } from '#api/services.ts'

/** Longest time that an answer is held. */
const maxWaitSeconds = 60

/**
 * Holds an answer back until its job has finished, if the request asks for it (`Prefer: wait=N`, RFC 7240).
 * @param accepted the answer without waiting; stays the answer for a replayed request.
 * @param render the body as it is after the wait.
 * @returns 200 with the new body when the job has finished (however it ended), `accepted`'s status when it has not.
 */
export async function afterWait(
  call: Call,
  accepted: Response,
  jobId: string | undefined,
  render: () => Promise<unknown>,
): Promise<Response> {
  const seconds = preferredWait(call.c)
  if (seconds === undefined || jobId === undefined || accepted.headers.has('idempotency-replayed'))
    return accepted
  const finished = await untilFinished(call.services, jobId, seconds * 1000, call.c.req.raw.signal)
  const status = accepted.status === 202 && finished ? 200 : accepted.status
  const kept = Object.fromEntries(
    ['location', 'etag'].flatMap((name) => {
      const value = accepted.headers.get(name)
      return value === null ? [] : [[name, value]]
    }),
  )
  return reply(status, await render(), { ...kept, 'preference-applied': `wait=${seconds}` })
}

/** The seconds that the request is willing to wait; undefined where it does not say or says something else. */
export function preferredWait(c: Context): number | undefined {
  const header = c.req.header('prefer')
  if (header === undefined) return undefined
  const [, seconds] = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:$|[,;])/i.exec(header) ?? []
  return seconds === undefined ? undefined : Math.min(Number(seconds), maxWaitSeconds)
}

/** Waits for a job's end. @returns whether it has ended within `timeoutMs`. */
export async function untilFinished(
  { pool, watch, closing }: Services,
  jobId: string,
  timeoutMs: number,
  gone: AbortSignal,
): Promise<boolean> {
  const deadlineMs = performance.now() + timeoutMs
  const signal = AbortSignal.any([closing, gone])
  const subscription = watch.subscribe(jobId)
  try {
    for (;;) {
      const { rows } = await pool.query<{ state: string }>({
        name: 'state-of-job',
        text: 'select state from jobs where id = $1',
        values: [jobId],
      })
      const [job] = rows
      if (!job || isFinished(job.state)) return true
      const leftMs = deadlineMs - performance.now()
      if (leftMs <= 0 || signal.aborted) return false
      await subscription.next(Math.min(leftMs, lookAgainMs), signal)
    }
  } finally {
    subscription.close()
  }
}

/** A wake-up may be missed. */
const lookAgainMs = 5000
