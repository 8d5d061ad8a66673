import type { Logger } from 'pino'
import type { Pool } from 'pg'
import type { Cloud } from '#shared/clouds/port.ts'

type OpenProvider = (tenantId: string, providerId: string) => Promise<Cloud>

/**
 * Does for clouds what their vendor does not: samples machines each minute, and tidies up each hour. One that cannot be reached does not hold up the
 * others. Any number of processes may go their rounds; of those that would visit a provider at the same moment one does.
 */
export function startRounds(db: Pool, open: OpenProvider, log: Logger): { stop(): void } {
  const go = (round: Round) => () =>
    void visitAll(db, open, round, log).catch((error: unknown) =>
      log.debug({ err: error, round }, 'no round; next time'),
    )
  const timers = [setInterval(go('minutely'), minuteMs), setInterval(go('hourly'), 60 * minuteMs)]
  for (const timer of timers) timer.unref()
  return {
    stop() {
      for (const timer of timers) clearInterval(timer)
    },
  }
}

type Round = keyof NonNullable<Cloud['rounds']>

/** @returns how many providers were visited. */
export async function visitAll(db: Pool, open: OpenProvider, round: Round, log: Logger): Promise<number> {
  const { rows } = await db.query<{ tenant_id: string; id: string }>(
    `select tenant_id, id from cloud_providers where type = 'on-premise' and enabled`,
  )
  let visited = 0
  // One after the other: each holds a connection while it may need a second one.
  for (const row of rows) if (await visitAlone(db, open, round, row, log)) visited += 1
  return visited
}

async function visitAlone(
  db: Pool,
  open: OpenProvider,
  round: Round,
  { tenant_id: tenantId, id }: { tenant_id: string; id: string },
  log: Logger,
): Promise<boolean> {
  const client = await db.connect()
  const key = [`round ${round} ${tenantId} ${id}`]
  try {
    const { rows } = await client.query<{ mine: boolean }>(
      'select pg_try_advisory_lock(hashtextextended($1, 0)) as mine',
      key,
    )
    if (!rows[0]?.mine) return false
    try {
      const cloud = await open(tenantId, id)
      await cloud.rounds?.[round]()
      return true
    } finally {
      await client.query('select pg_advisory_unlock(hashtextextended($1, 0))', key)
    }
  } catch (error) {
    log.debug({ err: error, provider: id, round }, 'not visited; next time')
    return false
  } finally {
    client.release()
  }
}

const minuteMs = 60_000
