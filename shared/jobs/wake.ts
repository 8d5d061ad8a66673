import { Client } from 'pg'
import type { Logger } from 'pino'

/** `novacron_outbox`: something is due for the queues. `novacron_job`: payload is the id of a job that changed. `novacron_cancel`: id of a job to cancel. */
export type Channel = 'novacron_outbox' | 'novacron_job' | 'novacron_cancel'

export interface Wake {
  /** Calls back for every payload heard; returns the way to stop. After a reconnect it is called with '' since something may have been missed. */
  on(channel: Channel, listener: (payload: string) => void): () => void
  /** Tells every process, soon: calls within a few milliseconds go out as one statement, outside of any transaction. */
  notify(channel: Channel, payload: string): void
  close(): Promise<void>
}

/**
 * Wake-ups between processes by PostgreSQL LISTEN/NOTIFY on one connection. They only save waiting: whoever is woken looks at the
 * tables, and looks there from time to time without being woken too.
 */
export async function openWake(url: string, log?: Logger): Promise<Wake> {
  const listeners = new Map<Channel, Set<(payload: string) => void>>()
  const pending = new Map<string, { channel: Channel; payload: string }>()
  let client: Client | undefined
  let closed = false
  let flushTimer: NodeJS.Timeout | undefined
  let retryTimer: NodeJS.Timeout | undefined

  const hear = (channel: string, payload: string) => {
    for (const listener of listeners.get(channel as Channel) ?? []) listener(payload)
  }

  const connect = async (): Promise<void> => {
    const fresh = new Client({ connectionString: url, keepAlive: true })
    const lost = () => {
      if (client !== fresh) return
      client = undefined
      reconnectSoon()
    }
    fresh.on('error', lost)
    fresh.on('end', lost)
    fresh.on('notification', ({ channel, payload }) => hear(channel, payload ?? ''))
    await fresh.connect()
    client = fresh
    await fresh.query('listen novacron_outbox; listen novacron_job; listen novacron_cancel')
  }

  const reconnect = async () => {
    try {
      await connect()
      for (const channel of listeners.keys()) hear(channel, '')
    } catch (error) {
      log?.debug({ err: error }, 'wake-up connection not back yet')
      reconnectSoon()
    }
  }

  // A connection that breaks while it begins to listen is told of twice; one new connection is enough.
  const reconnectSoon = () => {
    clearTimeout(retryTimer)
    if (!closed) retryTimer = setTimeout(() => void reconnect(), reconnectMs)
  }

  // One statement at a time: the connection takes no second one while the first is under way.
  const flush = async () => {
    const batch = [...pending.values()]
    pending.clear()
    await client
      ?.query(
        'select pg_notify(channel, payload) from unnest($1::text[], $2::text[]) as n(channel, payload)',
        [batch.map((one) => one.channel), batch.map((one) => one.payload)],
      )
      .catch(() => {})
    flushTimer = pending.size > 0 && !closed ? setTimeout(() => void flush(), coalesceMs) : undefined
  }

  await connect()
  return {
    on(channel, listener) {
      const set = listeners.get(channel) ?? new Set()
      listeners.set(channel, set.add(listener))
      return () => set.delete(listener)
    },
    notify(channel, payload) {
      pending.set(`${channel} ${payload}`, { channel, payload })
      flushTimer ??= setTimeout(() => void flush(), coalesceMs)
    },
    async close() {
      closed = true
      clearTimeout(retryTimer)
      clearTimeout(flushTimer)
      if (pending.size > 0) await flush()
      await client?.end().catch(() => {})
    },
  }
}

const reconnectMs = 500
/** NOTIFY takes a lock of the whole database at commit, so one statement carries many. */
const coalesceMs = 5
