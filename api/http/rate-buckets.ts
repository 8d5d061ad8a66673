import type { Pool } from 'pg'
import type { Logger } from 'pino'

/** So many requests within a window: as many at once, and then as fast as they come back, evenly over the window. */
export interface Quota {
  /** What the policy is called, in headers and in ids. */
  policy: string
  requests: number
  windowS: number
}

/** How a quota stands. */
export interface Standing {
  quota: Quota
  /** Requests that are left. */
  remaining: number
  /** Seconds until a request is possible again if none is left, else until all of the quota is. */
  resetS: number
}

export interface RateBuckets {
  /** Takes one request out of each quota, or out of none if one of them has none left. */
  take(wanted: readonly { quota: Quota; id: string }[]): { granted: boolean; standings: Standing[] }
  /** Tells the other processes what was taken here, and learns what was taken there. */
  sync(): Promise<void>
  /** Syncs no more by itself. */
  close(): void
}

/**
 * Leaky buckets that all web processes share, without asking anybody about a request: each decides by what it last learned and what it took since,
 * and once a second, if it took any, all its buckets go to PostgreSQL in one statement that answers how full they are. So processes together may
 * let through what they take within one interval beyond the quota. While PostgreSQL is away each goes by its own count.
 * @param now milliseconds that only grow.
 */
export function openRateBuckets(
  db: Pool,
  log: Logger,
  { now = () => performance.now(), everyMs = 1_000 }: { now?: () => number; everyMs?: number } = {},
): RateBuckets {
  const buckets = new Map<string, Bucket>()
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let syncing = Promise.resolve()

  const bucketOf = (quota: Quota, id: string): Bucket => {
    const key = JSON.stringify([quota.policy, id])
    const bucket = buckets.get(key) ?? {
      key,
      perSecond: quota.requests / quota.windowS,
      level: 0,
      atMs: now(),
      unsent: 0,
    }
    buckets.set(key, bucket)
    drain(bucket, now())
    return bucket
  }
  const send = async () => {
    const sent = [...buckets.values()].filter(({ unsent }) => unsent > 0)
    const given = sent.map((bucket) => ({ bucket, taken: bucket.unsent }))
    try {
      const levels = await exchange(db, sent)
      for (const { bucket, taken } of given) {
        bucket.unsent -= taken
        // What was taken while the statement was under way is in neither.
        bucket.level = Math.max(0, (levels.get(bucket.key) ?? bucket.level) + bucket.unsent)
        bucket.atMs = now()
      }
    } catch (error) {
      log.warn({ err: error }, 'the counts of API requests are not shared with other processes at the moment')
    }
    forgetEmpty(buckets, now())
  }
  const sync = () => (syncing = syncing.then(send))
  const syncSoon = () => {
    if (closed) return
    timer ??= setTimeout(() => {
      timer = undefined
      void sync()
    }, everyMs).unref()
  }

  return {
    take(wanted) {
      const taken = wanted.map(({ quota, id }) => ({ quota, bucket: bucketOf(quota, id) }))
      const granted = taken.every(({ quota, bucket }) => bucket.level + 1 <= quota.requests)
      if (granted) {
        for (const { bucket } of taken) {
          bucket.level += 1
          bucket.unsent += 1
        }
        if (taken.length > 0) syncSoon()
      }
      return { granted, standings: taken.map(({ quota, bucket }) => standingOf(quota, bucket)) }
    },
    sync,
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}

interface Bucket {
  key: string
  perSecond: number
  /** Requests taken and not yet come back, as of `atMs`; other processes' too, as far as known. */
  level: number
  atMs: number
  /** Of them, those that no other process knows of. */
  unsent: number
}

function drain(bucket: Bucket, nowMs: number): void {
  bucket.level = Math.max(0, bucket.level - ((nowMs - bucket.atMs) / 1000) * bucket.perSecond)
  bucket.atMs = nowMs
}

function standingOf(quota: Quota, { level, perSecond }: Bucket): Standing {
  const remaining = Math.max(0, Math.floor(quota.requests - level))
  const missing = remaining > 0 ? level : level + 1 - quota.requests
  return { quota, remaining, resetS: Math.max(1, Math.ceil(missing / perSecond)) }
}

function forgetEmpty(buckets: Map<string, Bucket>, nowMs: number): void {
  for (const [key, bucket] of buckets) {
    drain(bucket, nowMs)
    if (bucket.level === 0 && bucket.unsent === 0) buckets.delete(key)
  }
}

/** @returns how full each bucket is now, by all processes' requests. */
async function exchange(db: Pool, buckets: readonly Bucket[]): Promise<Map<string, number>> {
  // In one order, so that two processes never wait for each other's rows crosswise.
  const rows = buckets.toSorted((a, b) => (a.key < b.key ? -1 : 1))
  const answer = await db.query<{ id: string; level: number }>({
    name: 'exchange-rate-buckets',
    text: exchangeSql,
    values: [
      rows.map(({ key }) => key),
      rows.map(({ unsent }) => unsent),
      rows.map(({ perSecond }) => perSecond),
    ],
  })
  return new Map(answer.rows.map(({ id, level }) => [id, level]))
}

const exchangeSql = `
insert into rate_buckets as b (id, level, per_second, at)
select id, taken, per_second, clock_timestamp() from unnest($1::text[], $2::float8[], $3::float8[]) as t(id, taken, per_second) order by id
on conflict (id) do update set
  level = greatest(0, b.level - greatest(0, extract(epoch from excluded.at - b.at)) * b.per_second) + excluded.level,
  per_second = excluded.per_second, at = greatest(b.at, excluded.at)
returning id, level`
