import type { Pool, PoolClient } from 'pg'
import { inTransaction } from '#db/transaction.ts'
import type { Minute } from '#shared/clouds/calls/recorder.ts'
import { merge, total, type Tally } from '#shared/clouds/calls/tally.ts'

/** What one process has counted of one provider, to be written down. */
export interface Counted {
  tenantId: string
  providerId: string
  minutes: readonly Minute[]
}

/**
 * Writes whole minutes, each in place of what the same worker wrote of it before: to repeat it changes nothing. Of providers that are not
 * registered any more nothing is kept.
 */
export async function writeCalls(
  db: Pool | PoolClient,
  workerId: string,
  counted: readonly Counted[],
): Promise<void> {
  const rows = counted.flatMap(({ tenantId, providerId, minutes }) =>
    minutes.map(({ startMs, lastCallMs, pacedPerSecond, operations }) => {
      const { calls, faults, throttled } = total(operations)
      return {
        tenant_id: tenantId,
        provider_id: providerId,
        minute: new Date(startMs),
        last_call_at: new Date(lastCallMs),
        paced_per_second: pacedPerSecond ?? null,
        calls,
        faults,
        throttled,
        operations,
      }
    }),
  )
  if (rows.length > 0) await db.query(writeSql, [workerId, JSON.stringify(rows)])
}

/**
 * Adds what is older than any window to its provider's totals, and forgets it: rows of workers that are gone go with it, and the sum of both
 * tables never falls. @returns how many rows went.
 */
export function foldCalls(db: Pool): Promise<number> {
  return inTransaction(db, async (client) => {
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', ['cloud_calls fold'])
    const { rows } = await client.query<Row>(foldSql)
    const byProvider = Map.groupBy(rows, ({ tenant_id: tenant, provider_id: id }) =>
      JSON.stringify([tenant, id]),
    )
    for (const group of byProvider.values()) {
      const [first] = group
      if (!first) continue
      const key = [first.tenant_id, first.provider_id]
      const known = await client.query<{ operations: Tally }>(
        'select operations from cloud_call_totals where tenant_id = $1 and provider_id = $2',
        key,
      )
      const tallies = [...known.rows, ...group].map(({ operations }) => operations)
      await client.query(totalSql, [...key, JSON.stringify(merge(tallies))])
    }
    return rows.length
  })
}

/** Forgets a provider's calls, when it is removed. */
export async function forgetCalls(db: PoolClient, tenantId: string, providerId: string): Promise<void> {
  for (const table of ['cloud_calls', 'cloud_call_totals'])
    await db.query(`delete from ${table} where tenant_id = $1 and provider_id = $2`, [tenantId, providerId])
}

interface Row {
  tenant_id: string
  provider_id: string
  operations: Tally
}

const writeSql = `
insert into cloud_calls
  (tenant_id, provider_id, worker_id, minute, last_call_at, calls, faults, throttled, paced_per_second, operations)
select w.tenant_id, w.provider_id, $1, w.minute, w.last_call_at, w.calls, w.faults, w.throttled, w.paced_per_second, w.operations
from jsonb_to_recordset($2::jsonb) as w(
  tenant_id text, provider_id text, minute timestamptz, last_call_at timestamptz, calls int, faults int, throttled int,
  paced_per_second double precision, operations jsonb)
join cloud_providers p on p.tenant_id = w.tenant_id and p.id = w.provider_id
on conflict (tenant_id, provider_id, worker_id, minute) do update set
  last_call_at = excluded.last_call_at, calls = excluded.calls, faults = excluded.faults, throttled = excluded.throttled,
  paced_per_second = excluded.paced_per_second, operations = excluded.operations`

/** Five minutes more than the window of which workers still write: their clocks may differ by as much. */
const foldSql = `
delete from cloud_calls where minute < now() - interval '15 minutes' returning tenant_id, provider_id, operations`

const totalSql = `
insert into cloud_call_totals (tenant_id, provider_id, operations)
select $1, $2, $3::jsonb where exists (select 1 from cloud_providers where tenant_id = $1 and id = $2)
on conflict (tenant_id, provider_id) do update set operations = excluded.operations`
