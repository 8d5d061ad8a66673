import type { Logger } from 'pino'
import type { Pool } from 'pg'
import { foldCalls } from '#shared/clouds/calls/store.ts'

/** A client that repeats a request later than this means a new one; the big payment APIs keep keys as long. */
export const keyLifetimeHours = 24

/** Forgets idempotency keys, with the answers kept for them, that are past their lifetime. @returns how many. */
export async function expireIdempotencyKeys(db: Pool): Promise<number> {
  const { rowCount } = await db.query(
    'delete from idempotency_keys where created_at < now() - make_interval(hours => $1)',
    [keyLifetimeHours],
  )
  return rowCount ?? 0
}

/** How long an answer of a cloud is kept that nobody has asked for again; no route takes one as old as that for an answer. */
export const readingLifetimeDays = 7

/** Forgets what was read from clouds long ago, and the finished jobs that read it, which nobody lists. @returns how many of both. */
export async function expireReadings(db: Pool): Promise<number> {
  const readings = await db.query(
    'delete from cloud_readings where observed_at < now() - make_interval(days => $1)',
    [readingLifetimeDays],
  )
  const jobs = await db.query(
    `delete from jobs where kind = 'cloud.read' and created_at < now() - interval '1 day' and state in ('succeeded', 'failed', 'cancelled')`,
  )
  return (readings.rowCount ?? 0) + (jobs.rowCount ?? 0)
}

/** Forgets how many requests were made of who has made none for a while: nothing of their quota is used up any more. @returns how many. */
export async function expireRateBuckets(db: Pool): Promise<number> {
  const { rowCount } = await db.query(`delete from rate_buckets where at < now() - interval '10 minutes'`)
  return rowCount ?? 0
}

/** Does all of it now and then until stopped. Any number of processes may. */
export function startExpiry(db: Pool, log: Logger): { stop(): void } {
  const expire = () =>
    Promise.all([expireIdempotencyKeys(db), expireReadings(db), foldCalls(db), expireRateBuckets(db)]).catch(
      (error: unknown) => log.debug({ err: error }, 'not expired; next time'),
    )
  const timer = setInterval(() => void expire(), everyMs)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}

const everyMs = 15 * 60_000
